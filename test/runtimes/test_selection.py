"""The choice of a runtime says why, passes over what fails with a warning, and never hides an error."""

import hashlib
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from support.refused_graph import log_sum_exp_by_attribute

from fishy_ros.errors import CancelledError, ConfigError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes import Runtime, create_runtime, registry, select_runtime, selection
from fishy_ros.runtimes.nvidia import count_gpus
from fishy_ros.runtimes.options import RuntimeOptions
from fishy_ros.runtimes.registry import why_not_installed

needs_openvino = pytest.mark.skipif(why_not_installed("openvino") is not None, reason="openvino is not installed")


def test_auto_starts_something_and_says_what_and_why(tiny_package: ModelPackage) -> None:
    runtime, notes = select_runtime("auto", tiny_package)
    runtime.run()
    assert notes[-1].level == "info"
    assert f"{runtime.info.name} on {runtime.info.device} chosen: " in str(notes[-1])
    assert all(note.level == "info" for note in notes)


def _with_log_sum_exp_by_attribute(package: ModelPackage, folder: Path) -> ModelPackage:
    path = folder / "energy.onnx"
    onnx.save(log_sum_exp_by_attribute(64, 128), str(path))
    return replace(package, graph_path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@needs_openvino
def test_auto_falls_back_with_a_warning_when_the_best_candidate_cannot_compile_the_graph(
    tiny_package: ModelPackage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    package = _with_log_sum_exp_by_attribute(tiny_package, tmp_path)
    try:
        create_runtime("openvino", package)
    except ModelPackageError:
        pass
    else:
        pytest.skip("this OpenVINO compiles the graph that earlier ones refuse")
    runtime, notes = select_runtime("auto", package, device="cpu")
    assert runtime.info.name == "onnxruntime"
    assert [note.level for note in notes] == ["warning", "info"]
    assert "openvino on cpu passed over" in notes[0].text
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"][-1] == notes[0].text


def test_a_damaged_graph_is_an_error_and_not_a_reason_to_fall_back(
    tiny_folder: Path, tiny_package: ModelPackage
) -> None:
    (tiny_folder / "model.onnx").write_bytes(b"nothing")
    package = replace(tiny_package, graph_path=tiny_folder / "model.onnx")
    with pytest.raises(ModelPackageError, match=r"model\.onnx.*sha256"):
        select_runtime("auto", package)


def test_what_a_runtime_warns_of_while_it_starts_is_a_note_for_diagnostics(
    tiny_package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(name: str, package: ModelPackage, options: RuntimeOptions) -> Runtime:
        options.warn("the shipped engine does not fit")
        return registry.start(name, package, options)

    monkeypatch.setattr(selection, "start", start)
    _, notes = select_runtime("onnxruntime", tiny_package, "cpu")
    assert [note.text for note in notes if note.level == "warning"] == ["the shipped engine does not fit"]


def test_a_start_that_is_cancelled_is_no_reason_to_try_the_next_runtime(
    tiny_package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def start(name: str, package: ModelPackage, options: RuntimeOptions) -> Runtime:
        started.append(name)
        if options.is_cancelled():
            raise CancelledError("cancelled")
        return registry.start(name, package, options)

    monkeypatch.setattr(selection, "start", start)
    with pytest.raises(CancelledError):
        select_runtime("auto", tiny_package, "cpu", is_cancelled=lambda: bool(started))
    assert len(started) == 1
    with pytest.raises(CancelledError, match="not started"):
        select_runtime("auto", tiny_package, "cpu", is_cancelled=lambda: True)
    assert len(started) == 1


def test_unknown_names_are_refused_with_what_is_known(tiny_package: ModelPackage) -> None:
    with pytest.raises(ConfigError, match=r"'tensorflow'.*onnxruntime"):
        create_runtime("tensorflow", tiny_package)
    with pytest.raises(ConfigError, match=r"'torch' is gone: take onnxruntime .*, tensorrt or openvino"):
        create_runtime("torch", tiny_package)
    with pytest.raises(ConfigError, match=r"'tpu'.*cuda"):
        create_runtime("auto", tiny_package, device="tpu")
    with pytest.raises(ConfigError, match="threads -1"):
        create_runtime("auto", tiny_package, threads=-1)


@pytest.mark.skipif(count_gpus() > 0, reason="this machine has an NVIDIA GPU")
@pytest.mark.parametrize("name", ["auto", "tensorrt", "onnxruntime", "onnxruntime-tensorrt"])
def test_cuda_without_a_gpu_is_refused_with_the_reason(name: str, tiny_package: ModelPackage) -> None:
    with pytest.raises(RuntimeUnavailableError, match="no NVIDIA GPU"):
        create_runtime(name, tiny_package, device="cuda")


def test_a_runtime_is_refused_on_a_device_that_it_does_not_run_on(tiny_package: ModelPackage) -> None:
    with pytest.raises(RuntimeUnavailableError, match="openvino does not run on cuda"):
        create_runtime("openvino", tiny_package, device="cuda")
