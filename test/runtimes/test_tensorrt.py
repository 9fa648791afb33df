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
    (engine,) = cache_folder.glob("*.engine")
    before = engine.stat().st_mtime_ns
    _run(tiny_package)
    assert engine.stat().st_mtime_ns == before


def test_a_whole_file_that_tensorrt_refuses_is_built_anew(
    tiny_package: ModelPackage, cache_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from fishy_ros.runtimes.engine_cache import EngineCache
    from fishy_ros.runtimes.options import RuntimeOptions
    from fishy_ros.runtimes.tensorrt_engine import engine_key

    key = engine_key(tiny_package, RuntimeOptions("cuda"))
    EngineCache().store(key, b"no engine")
    with caplog.at_level(logging.WARNING):
        _run(tiny_package)
    assert "built anew" in caplog.text
    assert EngineCache().load(key) != b"no engine"
