"""Any bytes give a result or a `FishyError`: mutations of valid inputs, found cases, and a short guided run."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from fuzz.targets import TARGETS, check, seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).with_name("corpus")
CASES = sorted(path for path in CORPUS.glob("*/*") if path.parent.name in TARGETS)
MEMORY_BYTES = 1 << 30
"""What a case may take on top of what the process has."""
SECONDS = 30
"""Far above what any case takes; a case that needs them hangs."""


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Let this process grow by no more than `MEMORY_BYTES` of address space; more is a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def bounded_time() -> Iterator[None]:
    """Raise in the main thread after `SECONDS`."""

    def give_up(number, frame):
        raise TimeoutError(f"still running after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@st.composite
def mutations(draw: st.DrawFn, name: str) -> bytes:
    """Take a valid input and damage it in a few places."""
    content = draw(st.sampled_from(seeds(name)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        end = at + draw(st.integers(0, 8) | st.integers(0, len(content)))
        middle = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"\xff" * 4, b"\0" * 8, b"\xff" * 7 + b"\x7f", b"[" * 500, b"-1", b"1e999", b'"', b"\\"])
            | st.just(content[at:end] * 2)
        )
        content = content[:at] + middle + content[end:]
    return content[: 1 << 16]


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_input_gives_a_result_or_a_named_error(name):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutations(name) | st.binary(max_size=64))
    def hold(data: bytes) -> None:
        with bounded_time():
            check(name, data)

    hold()


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_case_that_was_found_once_stays_fixed(case):
    with bounded_memory(), bounded_time():
        check(case.parent.name, case.read_bytes())


def test_every_folder_of_cases_belongs_to_a_target():
    names = {path.name for path in CORPUS.iterdir()}
    assert names <= set(TARGETS) | {"raw_image", "compressed_image"}


def test_every_seed_is_valid_to_its_target():
    for name, target in TARGETS.items():
        for seed in seeds(name):
            target(seed)


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed (./dev fuzz installs it)")
def test_the_harness_fuzzes_under_guidance(tmp_path):
    command = [sys.executable, str(Path(__file__).with_name("harness.py")), "--runs", "150", "--seconds", "30"]
    done = subprocess.run([*command, "label_mapping"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing found" in done.stdout
    assert int(done.stderr.split("stat::number_of_executed_units:")[1].split()[0]) >= 150


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed (./dev fuzz installs it)")
def test_the_harness_refuses_an_unknown_target():
    command = [sys.executable, str(Path(__file__).with_name("harness.py")), "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such target: nothing" in done.stderr
