"""A machine that is full, busy, or changes files under the node's feet."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from support.faults.case import FaultCase, says
from support.faults.processes import busy_processes
from support.tiny_model import build_tiny_package

NOWHERE = {"ROS_LOG_DIR": "/dev/null/log", "XDG_CACHE_HOME": "/dev/null/cache", "HOME": "/dev/null/home"}


def test_a_node_starts_and_works_where_nothing_can_be_written(start_rig, hold):
    rig = start_rig(bench_options={"environment": NOWHERE, "output": Path("/dev/full")})
    hold(
        rig, FaultCase("machine", "log, cache and home cannot be written, stdout is full", "goes on", lambda rig: None)
    )


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system of its own cannot be mounted here (needs the right to mount)")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def write_without_end(path):
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_disk_that_fills_up_while_the_node_runs_stops_nothing(start_rig, hold, small_disk):
    rig = start_rig(bench_options={"environment": {"ROS_LOG_DIR": str(small_disk), "XDG_CACHE_HOME": str(small_disk)}})

    filler = small_disk / "filler"

    def fill(rig):
        with pytest.raises(OSError, match="No space left"):
            write_without_end(filler)

    hold(
        rig,
        FaultCase(
            "machine",
            "the disk of log and cache is full",
            "goes on",
            fill,
            clear=lambda rig: filler.unlink(),
        ),
    )


def test_a_model_that_is_replaced_matters_only_when_it_is_loaded_again(start_rig, hold, tmp_path):
    package = build_tiny_package(tmp_path / "tiny")
    graph = package.folder / "model.onnx"
    content = graph.read_bytes()
    rig = start_rig(package)
    hold(
        rig,
        FaultCase(
            "machine",
            "the model's file is replaced",
            "goes on",
            lambda rig: graph.write_bytes(content[: len(content) // 2]),
        ),
    )

    def reload(rig):
        assert rig.bench.change_state(Transition.TRANSITION_DEACTIVATE)
        assert not rig.bench.change_state(Transition.TRANSITION_ACTIVATE)

    def repair(rig):
        graph.write_bytes(content)
        assert rig.bench.change_state(Transition.TRANSITION_ACTIVATE)
        rig.bench.wait_until_connected()

    hold(
        rig,
        FaultCase(
            "machine",
            "the damaged model is loaded",
            "ERROR: activate failed, the file named",
            reload,
            says("activate failed", str(graph), level=DiagnosticStatus.ERROR),
            repair,
        ),
    )


@pytest.mark.alone
def test_a_node_that_gets_little_processor_time_publishes_less_and_nothing_wrong(rig, hold):
    with ExitStack() as stack:

        def starve(rig):
            stack.enter_context(busy_processes(4 * (os.cpu_count() or 1)))

        hold(
            rig,
            FaultCase(
                "machine", "four busy processes a core", "goes on", starve, clear=lambda rig: stack.close(), hold_s=2.0
            ),
        )


def test_a_node_that_is_frozen_goes_on_with_the_newest_frame(rig, hold):
    pid = rig.bench.process.pid
    case = FaultCase(
        "machine",
        "the node is frozen for 1 s",
        "goes on",
        lambda rig: os.kill(pid, signal.SIGSTOP),
        clear=lambda rig: os.kill(pid, signal.SIGCONT),
    )
    hold(rig, case)
