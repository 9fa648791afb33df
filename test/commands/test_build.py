"""`fishy build --for rtx` puts engines into a package on any machine, and refuses what makes no sense."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import output_of
from support.tiny_model import build_tiny_package

pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed (it has no wheel for this machine)")

from fishy_ros.errors import ConfigError, ModelPackageError
from fishy_ros.model_package import ModelPackage, add_reduced_graph, create_keys, load_model_package, sign_description
from fishy_ros.runtimes.base import RuntimeInfo
from fishy_ros.runtimes.nvidia import count_gpus


@pytest.fixture
def package(tmp_path: Path) -> ModelPackage:
    return build_tiny_package(tmp_path / "tiny")


def call(*words: object) -> str:
    return output_of("build", *words)


def test_engines_go_into_the_package_and_their_layers_into_a_report(package, tmp_path):
    report = tmp_path / "layers.json"
    said = call("--for", "rtx", "--model", package.folder, "--target", "sm86", "--target", "12.0", "--layers", report)
    assert "tiny fp32 64x128 for 8.6, 12.0: model.sm86-sm120.engine" in said
    (engine,) = load_model_package(package.folder).engines
    assert engine.targets == ("8.6", "12.0")
    call(package.folder, "--for", "rtx", "--target", "sm86", "--target", "sm120", "--layers", report)
    (entry,) = json.loads(report.read_text())["tensorrt_layers"]
    assert (entry["model"], entry["precision"], entry["input"]) == ("tiny 0.1.0", "fp32", [64, 128])
    assert entry["layers"] == sum(entry["kinds"].values()) > 1


def test_a_copy_gets_the_engines_and_the_package_stays(package, tmp_path):
    before = {path: path.read_bytes() for path in package.folder.iterdir()}
    call("--for", "rtx", package.folder, "--out", tmp_path / "car")
    assert {path: path.read_bytes() for path in package.folder.iterdir()} == before
    (engine,) = load_model_package(tmp_path / "car").engines
    assert engine.read()
    with pytest.raises(ModelPackageError, match=r"car: the package cannot be copied there: .*exists"):
        call("--for", "rtx", package.folder, "--out", tmp_path / "car")


def test_the_engines_of_a_package_are_listed(package, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    call("--for", "rtx", package.folder, "--target", "sm86")
    listed = r"engines +model\.sm86\.engine by tensorrt_rtx [\d.]+ for 8\.6"
    assert re.search(listed, output_of("models", package.folder))


def test_a_signed_package_is_to_be_signed_again(package, tmp_path):
    create_keys(tmp_path / "private", tmp_path / "public")
    sign_description(package.folder / "model.yaml", tmp_path / "private")
    assert "sign it again" in call("--for", "rtx", package.folder, "--trusted-key", tmp_path / "public")
    with pytest.raises(ModelPackageError, match="changed after it was signed"):
        load_model_package(package.folder, tmp_path / "public")


class Started:
    """Stands for a runtime on a GPU: `engine_file` is as given, all the rest nothing."""

    info = RuntimeInfo("tensorrt", "cuda:0", "10.13.3")

    def __init__(self, engine_file: Path | None) -> None:
        self.engine_file = engine_file

    def run(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def start_with(monkeypatch):
    """Return what makes every start find its engine in a file; it returns the list of the starts."""

    def start(engine_file: Path | None) -> list[tuple[int, str]]:
        starts = []

        def create_runtime(name: str, package: ModelPackage, device: str, precision: str) -> Started:
            starts.append((package.input_height, precision))
            return Started(engine_file)

        monkeypatch.setattr("fishy_ros.runtimes.create_runtime", create_runtime)
        return starts

    return start


def test_every_precision_and_every_reduced_size_is_built(package, tmp_path, start_with):
    small = build_tiny_package(tmp_path / "small", 32, 64)
    package = add_reduced_graph(package, small.graph_path, 32, 64)
    starts = start_with(tmp_path / "some.engine")
    said = call(package.folder)
    assert starts == [(64, "fp32"), (32, "fp32")]
    assert re.search(r"^tiny fp32 64x128: ready in .*\n  cached: .*\ntiny fp32 32x64: ready in ", said)
    assert said.count(f"cached: {tmp_path / 'some.engine'}\n") == 2


def test_an_engine_that_could_not_be_cached_is_no_success(package, tmp_path, start_with, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    start_with(None)
    with pytest.raises(ConfigError, match=rf"{tmp_path}/fishy_ros/engines: the engine of tiny fp32 64x128 cannot be"):
        call(package.folder)


def test_a_shipped_engine_that_fits_is_not_said_to_be_cached(package, start_with):
    call("--for", "rtx", package.folder)
    (engine,) = load_model_package(package.folder).engines
    start_with(engine.path)
    said = call(package.folder)
    assert f"the shipped engine fits: {engine.path}" in said
    assert "cached" not in said


_INTERRUPTED_IN_A_CALLBACK = """
import os, signal, sys
from fishy_ros.commands.cli import main
from fishy_ros.runtimes.tensorrt_log import Messages

Messages.take = lambda *said: os.kill(os.getpid(), signal.SIGINT)
main()
"""


def test_an_interrupt_ends_a_build_though_the_library_swallows_exceptions(package):
    command = [sys.executable, "-c", _INTERRUPTED_IN_A_CALLBACK, "build", "--for", "rtx", str(package.folder)]
    process = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, timeout=120)
    assert process.returncode == -signal.SIGINT
    assert load_model_package(package.folder).engines == ()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "sm86"], "expected together with --for rtx only"),
        (["--for", "rtx", "--target", "sm99"], r"target '9\.9': TensorRT for RTX .* builds for 7\.5"),
        (["--for", "rtx", "--target", "ada"], "target 'ada': expected a compute capability"),
        (["--for", "rtx", "--device", "dla:0"], "device 'dla:0': --for rtx builds for GPUs only"),
        (["--for", "rtx", "--precision", "int4"], "precision 'int4': model tiny"),
    ],
)
def test_what_makes_no_sense_is_refused(package, words, message):
    with pytest.raises(ConfigError, match=message):
        call(package.folder, *words)
    assert load_model_package(package.folder).engines == ()


@pytest.mark.skipif(count_gpus() > 0, reason="this machine has an NVIDIA GPU")
def test_a_machine_without_a_gpu_is_told_so(package):
    from fishy_ros.errors import RuntimeUnavailableError

    with pytest.raises(RuntimeUnavailableError, match="no NVIDIA GPU"):
        call(package.folder)
