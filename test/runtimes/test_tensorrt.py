"""TensorRT engines come from the cache while they are whole; these need a GPU and TensorRT."""

import logging
from pathlib import Path

import pytest

from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.nvidia import count_gpus
from fishy_ros.runtimes.registry import why_not_installed

_REASON = why_not_installed("tensorrt") or ("" if count_gpus() else "there is no NVIDIA GPU with a working driver")
pytestmark = pytest.mark.skipif(bool(_REASON), reason=_REASON or "everything is there")


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "fishy_ros" / "engines"


def _run(package: ModelPackage) -> None:
    from fishy_ros.runtimes import create_runtime

    runtime = create_runtime("tensorrt", package)
    runtime.run()
    runtime.close()


def test_the_second_start_takes_the_engine_from_the_cache(tiny_package: ModelPackage, cache_folder: Path) -> None:
    _run(tiny_package)
    before = {path: path.stat().st_mtime_ns for path in cache_folder.iterdir() if path.suffix != ".lock"}
    assert [path for path in before if path.suffix == ".engine"]
    _run(tiny_package)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_shipped_engine_runs_and_nothing_is_built(tiny_package: ModelPackage, cache_folder: Path) -> None:
    from fishy_ros.model_package import add_engines
    from fishy_ros.runtimes import select_runtime
    from fishy_ros.runtimes.tensorrt_ahead import compile_ahead

    pytest.importorskip("tensorrt_rtx")
    (engine,) = compile_ahead(tiny_package, ["fp32"])
    package = add_engines(tiny_package, {engine.entry: engine.content})
    runtime, notes = select_runtime("tensorrt", package, "cuda")
    assert [note.text for note in notes if note.level == "warning"] == []
    runtime.run()
    runtime.close()
    if "TensorRT for RTX" in runtime.info.detail:
        assert runtime.engine_file == engine.entry.path
        assert not list(cache_folder.glob("*.engine"))


def test_kept_kernels_that_are_damaged_are_compiled_anew(tiny_package: ModelPackage, cache_folder: Path) -> None:
    _run(tiny_package)
    kernels = list(cache_folder.glob("*.kernels"))
    if not kernels:
        pytest.skip("this library compiles no kernels when it starts")
    whole = kernels[0].read_bytes()
    kernels[0].write_bytes(whole[: len(whole) // 2])
    _run(tiny_package)
    assert kernels[0].read_bytes()[:200] == whole[:200]


def test_a_whole_file_that_tensorrt_refuses_is_built_anew(
    tiny_package: ModelPackage, cache_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from fishy_ros.runtimes.cuda_buffers import describe_gpu
    from fishy_ros.runtimes.engine_cache import EngineCache
    from fishy_ros.runtimes.options import RuntimeOptions
    from fishy_ros.runtimes.tensorrt_engine import Gpu, engine_key
    from fishy_ros.runtimes.tensorrt_library import installed_libraries, open_library

    library = open_library(installed_libraries()[0])
    key = engine_key(library, tiny_package, RuntimeOptions("cuda"), Gpu(*describe_gpu(0)))
    EngineCache().store(key, b"no engine")
    with caplog.at_level(logging.WARNING):
        _run(tiny_package)
    assert "rebuilt" in caplog.text
    assert EngineCache().load(key) != b"no engine"
