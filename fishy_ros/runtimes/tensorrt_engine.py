"""Building a TensorRT engine from a package's graph, or taking it from the cache."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorrt as trt

from fishy_ros.errors import ModelPackageError, RuntimeUnavailableError
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.cuda_buffers import describe_gpu
from fishy_ros.runtimes.engine_cache import EngineCache, EngineKey
from fishy_ros.runtimes.options import RuntimeOptions

_LOG = logging.getLogger(__name__)
_OPTIMISATION_LEVEL = 4
"""Of 0 to 5: 4 compares all tactics; 5 also compiles more kernels, at several times the building time."""


class TrtLogger(trt.ILogger):  # type: ignore[misc]
    """Hand TensorRT's messages to Python's logging, and keep the errors for the exception that follows them."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []

    def log(self, severity: trt.ILogger.Severity, message: str) -> None:
        """Take one message; TensorRT calls this, also from its own threads."""
        if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
            self.errors.append(message)
        level = {
            trt.ILogger.Severity.INTERNAL_ERROR: logging.ERROR,
            trt.ILogger.Severity.ERROR: logging.ERROR,
            trt.ILogger.Severity.WARNING: logging.WARNING,
        }.get(severity, logging.DEBUG)
        _LOG.log(level, "tensorrt: %s", message)


class _Progress(trt.IProgressMonitor):  # type: ignore[misc]
    """Log the steps of the outermost phase of a build, at most one line in five seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._phases: dict[str, int] = {}
        self._logged = 0.0

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        """Remember how many steps a phase has."""
        if parent_phase is None:
            self._phases[phase_name] = num_steps

    def step_complete(self, phase_name: str, step: int) -> bool:
        """Log the step; the build goes on."""
        if phase_name in self._phases and time.monotonic() - self._logged > 5:
            self._logged = time.monotonic()
            _LOG.info("tensorrt: %s, step %d of %d", phase_name, step + 1, self._phases[phase_name])
        return True

    def phase_finish(self, phase_name: str) -> None:
        """Forget a phase."""
        self._phases.pop(phase_name, None)


def engine_key(package: ModelPackage, options: RuntimeOptions) -> EngineKey:
    """Return what the engine of a package on a device depends on."""
    name, capability = describe_gpu(options.cuda_index)
    flags = (f"level={_OPTIMISATION_LEVEL}", "strongly-typed", "no-tf32")
    return EngineKey(
        graph_sha256=package.graph(options.precision, "tensorrt").sha256,
        engine_version=f"tensorrt {trt.__version__}",
        device=name,
        compute_capability=capability,
        precision=options.precision,
        input_shape=package.input_shape,
        flags=flags if options.dla_core is None else (*flags, f"dla={options.dla_core}"),
    )


def load_engine(
    package: ModelPackage, options: RuntimeOptions, cache: EngineCache | None = None
) -> tuple[Any, TrtLogger]:
    """Return the engine (`trt.ICudaEngine`) of a package and the logger that it keeps using.

    An engine that TensorRT refuses, though its file is whole, is built anew once.

    Raises:
        ModelPackageError: the graph cannot be parsed or compiled.
        RuntimeUnavailableError: TensorRT does not start, or refuses its own engine.
    """
    cache = cache or EngineCache()
    logger = TrtLogger()
    runtime = trt.Runtime(logger)
    if options.dla_core is not None:
        runtime.DLA_core = options.dla_core
    key = engine_key(package, options)

    def build() -> bytes:
        return build_engine(package, options, cache.folder, logger)

    for _ in range(2):
        engine = runtime.deserialize_cuda_engine(cache.get_or_build(key, build))
        if engine is not None:
            return engine, logger
        _LOG.warning("tensorrt: the cached engine is refused (%s); it is built anew", _last(logger))
        cache.discard(key)
    raise RuntimeUnavailableError(f"tensorrt: a freshly built engine is refused: {_last(logger)}")


def build_engine(package: ModelPackage, options: RuntimeOptions, cache_folder: Path, logger: TrtLogger) -> bytes:
    """Compile the graph of a precision for the current GPU; takes minutes.

    The network is strongly typed: every tensor has the type that the graph gives it, so FP16 and INT8 are properties of
    the package's variants and not of the builder.

    Raises:
        ModelPackageError: the graph cannot be parsed or compiled.
        RuntimeUnavailableError: TensorRT does not start.
    """
    graph = package.graph(options.precision, "tensorrt")
    content = graph.read()
    _LOG.info("tensorrt: building the engine of %s (%s), about 1 to 5 minutes", package.name, options.precision)
    start = time.monotonic()
    builder = trt.Builder(logger)
    # TensorRT 11 has only strongly typed networks and ignores the flag.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content):
        reasons = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise ModelPackageError(f"{graph.path}: TensorRT {trt.__version__} cannot parse the graph: {reasons[:400]}")
    config = builder.create_builder_config()
    config.builder_optimization_level = _OPTIMISATION_LEVEL
    config.progress_monitor = _Progress()
    # TF32 rounds factors to 10 bits; FP32 is the precision that the others are compared with.
    config.clear_flag(trt.BuilderFlag.TF32)
    if options.dla_core is not None:
        _check_dla(builder.num_DLA_cores, options.dla_core)
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = options.dla_core
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    save_timings = _use_timing_cache(config, cache_folder / f"timing-{trt.__version__}.cache")
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise _build_failure(graph.path, logger)
    save_timings()
    _LOG.info("tensorrt: built in %.0f s", time.monotonic() - start)
    return bytes(plan)


def _check_dla(cores: int, wanted: int) -> None:
    if wanted >= cores:
        raise RuntimeUnavailableError(
            f"tensorrt: dla:{wanted} is not there, TensorRT {trt.__version__} sees {cores} deep learning accelerators "
            "(TensorRT 11 supports none); take device cuda"
        )


def _use_timing_cache(config: Any, path: Path) -> Callable[[], None]:
    """Load measured kernel timings of earlier builds into `config` and return what saves them again."""
    known = path.read_bytes() if path.is_file() else b""
    timings = config.create_timing_cache(known)
    if not config.set_timing_cache(timings, ignore_mismatch=False) and known:
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)

    def save() -> None:
        try:
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_bytes(bytes(config.get_timing_cache().serialize()))
            temporary.replace(path)
        except OSError as error:
            _LOG.warning("%s: timings of kernels cannot be kept: %s", path, error.strerror or error)

    return save


def _build_failure(path: Path, logger: TrtLogger) -> ModelPackageError | RuntimeUnavailableError:
    reason = _last(logger)
    if "memory" in reason.lower():
        return RuntimeUnavailableError(f"tensorrt: no memory on the device to build {path}: {reason}")
    return ModelPackageError(f"{path}: TensorRT {trt.__version__} cannot compile the graph: {reason}")


def _last(logger: TrtLogger) -> str:
    return " ".join(logger.errors[-1].split())[:400] if logger.errors else "no reason given"
