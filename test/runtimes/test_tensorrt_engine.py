"""Engines come from the package or the cache while they fit, and otherwise are built; real TensorRT for RTX, no GPU."""

import errno
import hashlib
import logging
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.tiny_model import build_tiny_package, tiny_graph

pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed (it has no wheel for this machine)")

from fishy_ros.errors import CancelledError, ConfigError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.model_package import ModelPackage, add_engines, add_variants, load_model_package
from fishy_ros.runtimes import tensorrt_log
from fishy_ros.runtimes.engine_cache import EngineCache
from fishy_ros.runtimes.nvidia import count_gpus
from fishy_ros.runtimes.options import RuntimeOptions
from fishy_ros.runtimes.tensorrt_ahead import AheadEngine, compile_ahead
from fishy_ros.runtimes.tensorrt_build import BuildPlan, _use_timing_cache, build_engine
from fishy_ros.runtimes.tensorrt_engine import Gpu, engine_key, fitting_engines, kernels_key, load_engine, parse_target
from fishy_ros.runtimes.tensorrt_library import TensorRtLibrary, open_library
from fishy_ros.runtimes.tensorrt_log import Messages

ADA = Gpu("NVIDIA GeForce RTX 4090", "8.9")
HOPPER = Gpu("NVIDIA H200", "9.0")
TURING = Gpu("NVIDIA GeForce RTX 2080", "7.5")
without_gpu = pytest.mark.skipif(count_gpus() > 0, reason="this machine has an NVIDIA GPU")


@pytest.fixture
def library():
    return open_library("tensorrt_rtx")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def options(told) -> RuntimeOptions:
    return RuntimeOptions("cuda", warn=told.append)


@pytest.fixture
def package(tmp_path) -> ModelPackage:
    return build_tiny_package(tmp_path / "tiny")


def ship(package: ModelPackage, *targets: str) -> tuple[ModelPackage, AheadEngine]:
    (engine,) = compile_ahead(package, ["fp32"], *([targets] if targets else []))
    return add_engines(package, {engine.entry: engine.content}), engine


def fitting(library, package, options, gpu) -> list[str]:
    key = engine_key(library, package, options, gpu)
    return [engine.path.name for engine in fitting_engines(package, key, gpu, options)]


def test_a_shipped_engine_is_found_for_the_gpus_that_it_is_for(library, package, options, told):
    package, engine = ship(package)
    assert load_model_package(package.folder).engines == (engine.entry,)
    assert engine.entry.read() == engine.content
    assert (
        fitting(library, package, options, ADA)
        == fitting(library, package, options, HOPPER)
        == ["model.sm80plus.engine"]
    )
    assert told == []
    assert fitting(library, package, options, TURING) == []
    assert "for compute capability 8.0+, NVIDIA GeForce RTX 2080 has 7.5" in told[0]


def test_of_several_engines_the_one_for_this_gpu_is_taken(library, package, options, told):
    package, _ = ship(package, "8.6", "12.0")
    package, _ = ship(package, "8.9")
    assert len(package.engines) == 2
    assert fitting(library, package, options, ADA) == ["model.sm89.engine"]
    assert fitting(library, package, options, Gpu("NVIDIA RTX A2000", "8.6")) == ["model.sm86-sm120.engine"]
    assert told == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"library": "tensorrt_rtx 1.6.0.10"}, r"by tensorrt_rtx 1\.6\.0\.10, installed is tensorrt_rtx [\d.]+"),
        ({"graph_sha256": "ab" * 32}, r"of a graph with sha256 abababababab, model\.onnx has [0-9a-f]{12}"),
        ({"flags": ("tf32",)}, r"built with tf32, expected strongly-typed, no-tf32"),
        ({"targets": ("8.6",)}, r"for compute capability 8\.6, NVIDIA GeForce RTX 4090 has 8\.9"),
    ],
)
def test_an_engine_of_something_else_is_passed_over_and_both_sides_are_named(
    library, package, options, told, change, reason
):
    package, engine = ship(package)
    package = replace(package, engines=(replace(engine.entry, **change),))
    assert fitting(library, package, options, ADA) == []
    assert len(told) == 1
    assert re.search(rf"no shipped engine fits \(model\.sm80plus\.engine is {reason}\); one is built", told[0])


def test_engines_of_other_graphs_and_of_the_other_library_are_nothing_to_warn_of(library, package, options, told):
    package, engine = ship(package)
    others = (replace(engine.entry, graph="model.fp16.onnx"), replace(engine.entry, library="tensorrt 10.13.3.9"))
    assert fitting(library, replace(package, engines=others), options, ADA) == []
    assert told == []


def test_an_engine_whose_graph_was_exported_anew_leaves_the_package_with_the_next_build(package, tmp_path):
    add_variants(package, {"fp16": package.graph_path})
    package, engine = ship(load_model_package(package.folder))
    stale = replace(engine.entry, path=package.folder / "old.engine", graph_sha256="ab" * 32)
    stale.path.write_bytes(b"old")
    package, _ = ship(replace(package, engines=(*package.engines, stale)))
    assert [entry.path.name for entry in package.engines] == ["model.sm80plus.engine"]
    assert not stale.path.exists()


@without_gpu
def test_without_a_driver_the_reason_is_said_and_what_was_built_stays(library, package, options, tmp_path):
    cache = EngineCache(tmp_path / "cache")
    for _ in range(2):
        with pytest.raises(
            RuntimeUnavailableError, match=r"TensorRT for RTX \S+ cannot load engines on this machine: .*CUDA"
        ):
            load_engine(library, package, options, ADA, cache)
    (path,) = cache.folder.glob("*.engine")
    assert path == cache.path(engine_key(library, package, options, ADA))


@without_gpu
def test_the_second_start_builds_nothing(library, package, options, tmp_path):
    cache = EngineCache(tmp_path / "cache")
    times = []
    for _ in range(2):
        with pytest.raises(RuntimeUnavailableError):
            load_engine(library, package, options, ADA, cache)
        times.append(cache.path(engine_key(library, package, options, ADA)).stat().st_mtime_ns)
    assert times[0] == times[1]


@without_gpu
@pytest.mark.parametrize("damage", [b"", b"not an engine", None])
def test_a_cached_file_that_is_no_engine_is_built_anew_with_a_warning(
    library, package, told, options, tmp_path, damage
):
    cache = EngineCache(tmp_path / "cache", warn=told.append)
    key = engine_key(library, package, options, ADA)
    if damage is None:  # half written, so that its hash does not hold
        (engine,) = compile_ahead(package, ["fp32"], ("8.9",))
        path = cache.store(key, engine.content)
        path.write_bytes(path.read_bytes()[:5000])
    else:  # whole, but no engine
        cache.store(key, damage)
    with pytest.raises(RuntimeUnavailableError):
        load_engine(library, package, options, ADA, cache)
    assert "rebuilt" in told[0]
    assert str(cache.path(key)) in told[0]
    content = cache.load(key)
    assert content is not None
    assert len(content) > 10_000


@without_gpu
def test_a_shipped_engine_that_was_tampered_with_is_not_loaded(library, package, options, told, tmp_path):
    package, engine = ship(package)
    engine.entry.path.write_bytes(engine.content[:-1] + b"x")
    with pytest.raises(RuntimeUnavailableError):
        load_engine(library, package, options, ADA, EngineCache(tmp_path / "cache"))
    assert "model.sm80plus.engine" in told[0]
    assert "sha256 is" in told[0]
    assert "rebuilt" in told[0]


class Accepting(TensorRtLibrary):
    """TensorRT for RTX that loads engines without a GPU: all but one."""

    def deserialize(self, runtime: object, content: bytes) -> tuple[object, str]:
        return (None, "it is damaged") if content == b"refused" else (content, "")


@pytest.fixture
def accepting(library) -> Accepting:
    return Accepting(library.module, library.messages, library.logger)


def test_the_file_of_an_engine_is_where_the_next_start_finds_it(accepting, package, options, tmp_path):
    cache = EngineCache(tmp_path / "cache")
    built = load_engine(accepting, package, options, ADA, cache)
    assert built.file == cache.path(built.key)
    assert cache.load(built.key) == built.engine
    package, engine = ship(package)
    assert load_engine(accepting, package, options, ADA, cache).file == engine.entry.path


def test_a_refused_engine_that_cannot_be_replaced_is_built_for_this_start(
    accepting, package, options, told, tmp_path, monkeypatch
):
    cache = EngineCache(tmp_path / "cache", warn=told.append)
    cache.store(engine_key(accepting, package, options, ADA), b"refused")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("write_bytes", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    loaded = load_engine(accepting, package, options, ADA, cache)
    assert len(loaded.engine) > 10_000
    assert loaded.file is None
    assert "it is damaged; it is rebuilt" in told[0]
    assert "cannot be cached: Read-only file system" in told[1]


def test_an_interrupt_that_the_bindings_swallow_still_ends_the_build(library, package, monkeypatch):
    times = iter([0.0])

    def interrupt() -> float:
        for now in times:
            return now
        raise KeyboardInterrupt

    monkeypatch.setattr(tensorrt_log, "time", SimpleNamespace(monotonic=interrupt))
    with pytest.raises(KeyboardInterrupt):
        build_engine(library, package, "fp32", BuildPlan(("8.6",)))


def test_a_build_that_is_cancelled_ends_at_its_next_step_without_an_error_in_the_log(
    library, package, tmp_path, caplog
):
    asked: list[bool] = []
    options = RuntimeOptions("cuda", is_cancelled=lambda: asked.append(len(asked) >= 5) or asked[-1])
    cache = EngineCache(tmp_path / "cache", is_cancelled=options.is_cancelled)
    key = engine_key(library, package, options, ADA)
    plan = BuildPlan((key.compute_capability,))
    with pytest.raises(CancelledError, match="building the engine of tiny was cancelled"):
        cache.get_or_build(key, lambda: build_engine(library, package, "fp32", plan, options.is_cancelled))
    assert asked[:6] == [False] * 5 + [True]
    assert len(asked) < 15
    assert [path.suffix for path in cache.folder.iterdir()] == [".lock"]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_timings_that_cannot_be_read_do_not_stop_a_build(tmp_path):
    used = []
    config = SimpleNamespace(
        create_timing_cache=lambda known: known,
        set_timing_cache=lambda timings, ignore_mismatch: used.append(timings) or True,
    )
    _use_timing_cache(config, tmp_path / ("x" * 300))  # too long a name is another error than a missing file
    assert used == [b""]


def test_a_gpu_the_library_has_no_target_for_gets_the_portable_engine(library, package, options):
    assert engine_key(library, package, options, HOPPER).compute_capability == "8.0+"
    assert engine_key(library, package, options, ADA).compute_capability == "8.9"
    assert engine_key(library, package, options, ADA).engine_version == f"tensorrt_rtx {library.version}"


def test_engines_fit_every_gpu_of_a_compute_capability_and_kernels_only_one(library, package, options):
    ada = [engine_key(library, package, options, Gpu(name, "8.9")) for name in ("RTX 4090", "L4")]
    assert ada[0] == ada[1]
    kernels = [kernels_key(key, Gpu(name, "8.9")) for key, name in zip(ada, ("RTX 4090", "L4"), strict=True)]
    cache = EngineCache(Path("cache"))
    assert len({cache.path(key) for key in (*ada, *kernels)}) == 3


def test_a_deep_learning_accelerator_is_refused(library, package, tmp_path):
    with pytest.raises(RuntimeUnavailableError, match="does not support deep learning accelerators"):
        load_engine(library, package, RuntimeOptions("dla"), ADA, EngineCache(tmp_path))


@pytest.mark.parametrize(
    ("text", "target"), [("sm86", "8.6"), ("SM120", "12.0"), ("8.9", "8.9"), ("12.1", "12.1"), ("portable", "8.0+")]
)
def test_a_target_is_read_as_people_write_it(text, target):
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["", "ada", "sm8", "8.6.1.1", "sm-86"])
def test_what_is_no_target_is_refused(text):
    with pytest.raises(ConfigError, match="expected a compute capability such as sm86"):
        parse_target(text)


def test_a_graph_of_another_signature_is_refused_before_it_is_built(package, tmp_path):
    wrong = replace(package, input_width=64)
    with pytest.raises(ModelPackageError, match=r"expected one input `image` uint8 \[1, 64, 64, 3\], the graph has"):
        list(compile_ahead(wrong, ["fp32"]))


def test_what_a_missing_driver_causes_is_no_error_where_there_is_no_gpu(caplog):
    messages = Messages(has_gpu=False)
    with caplog.at_level(logging.DEBUG):
        messages.take(logging.ERROR, "initialization failure (cudaError 35: CUDA driver version is insufficient)")
        messages.take(logging.ERROR, "something else")
    assert [record.levelname for record in caplog.records] == ["DEBUG", "ERROR"]
    assert "cudaError 35" in messages.reason()


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_a_graph_that_was_truncated_before_it_was_hashed_is_named(library, package, tmp_path, keep):
    path = tmp_path / "other.onnx"
    path.write_bytes(package.graph().read()[:keep])
    broken = replace(package, graph_path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(ModelPackageError, match=r"other\.onnx"):
        build_engine(library, broken, "fp32", BuildPlan(("8.6",)))


def test_an_operator_that_nobody_has_is_named(library):
    model = tiny_graph(64, 128)
    next(node for node in model.graph.node if node.op_type == "Softsign").op_type = "Fishify"
    with pytest.raises(ModelPackageError, match=r"other\.onnx: TensorRT for RTX \S+ cannot parse the graph: .*Fishify"):
        library.parse(model.SerializeToString(), Path("other.onnx"))
