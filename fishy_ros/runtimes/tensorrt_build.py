"""Compiling a package's graph with TensorRT; with TensorRT for RTX on any machine, a GPU or not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishy_ros.errors import CancelledError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.files import replacing
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.options import never
from fishy_ros.runtimes.signature import Tensor, check_signature
from fishy_ros.runtimes.tensorrt_camera import shrink_inside
from fishy_ros.runtimes.tensorrt_library import TensorRtLibrary

_LOG = logging.getLogger(__name__)
GRAPH_NAME = "tensorrt"
"""The name under which packages hold graphs that were made for TensorRT, such as `int8-tensorrt`."""


@dataclass(frozen=True)
class BuildPlan:
    """What an engine is built for.

    `targets` are compute capabilities for TensorRT for RTX; `tensorrt` ignores them and builds for the current GPU.
    `timings` is the folder in which `tensorrt` keeps what it measured. With `detailed` every layer of the engine is
    described in `TensorRtLibrary.messages`. With a `shrink` above 1 it takes images so many times as high
    and wide.
    """

    targets: tuple[str, ...] = ()
    dla_core: int | None = None
    timings: Path | None = None
    detailed: bool = False
    shrink: int = 1


def graphs_to_build(package: ModelPackage, precisions: Sequence[str]) -> list[tuple[ModelPackage, str]]:
    """Return the graphs that a node may take, as packages and precisions.

    These are the precisions asked for of the full size, and each reduced size in the precision that it has.
    """
    graphs = [(package, precision) for precision in precisions]
    for index in range(len(package.reduced)):
        reduced = package.at_reduced_size(index)
        graphs += [(reduced, precision) for precision in reduced.precisions]
    return graphs


def build_engine(
    library: TensorRtLibrary,
    package: ModelPackage,
    precision: str,
    plan: BuildPlan,
    is_cancelled: Callable[[], bool] = never,
) -> bytes:
    """Compile the graph of a precision; takes seconds with TensorRT for RTX and minutes with TensorRT.

    `is_cancelled` is asked at every step of the library.

    Raises:
        ModelPackageError: the graph cannot be parsed or compiled, or has another signature.
        RuntimeUnavailableError: the library does not start, or there is no memory.
        ConfigError: the library cannot build for a target, or the package has no such precision.
        CancelledError: `is_cancelled` said yes.
        KeyboardInterrupt: SIGINT came; in some callbacks the bindings lose it.
    """
    graph = package.graph(precision, GRAPH_NAME)
    _LOG.info("%s: building the engine of %s (%s)", library.product, package.name, precision)
    start = time.monotonic()
    parsed = library.parse(graph.read(), graph.path)
    check_signature(package, graph.path, *network_tensors(library, parsed.network))
    if plan.shrink > 1:
        shrink_inside(library, parsed, plan.shrink)
    config = library.configure(parsed.builder, plan.targets, plan.dla_core, is_cancelled)
    if plan.detailed:
        config.profiling_verbosity = library.module.ProfilingVerbosity.DETAILED
    # The other library measures nothing while it builds.
    path = plan.timings / f"timing-{library.version}.cache" if plan.timings and not library.is_rtx else None
    save_timings = _use_timing_cache(config, path)
    engine = parsed.builder.build_serialized_network(parsed.network, config)
    if engine is None:
        if is_cancelled():
            raise CancelledError(f"{library.product}: building the engine of {package.name} was cancelled")
        if library.messages.mentions("canceled"):  # the bindings swallow KeyboardInterrupt in a callback and cancel
            raise KeyboardInterrupt
        raise _build_failure(library, graph.path)
    save_timings()
    _LOG.info("%s: built in %.1f s", library.product, time.monotonic() - start)
    return bytes(engine)


def network_tensors(library: TensorRtLibrary, network: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Describe the inputs and outputs of a parsed network."""
    inputs = [_describe(library, network.get_input(index)) for index in range(network.num_inputs)]
    outputs = [_describe(library, network.get_output(index)) for index in range(network.num_outputs)]
    return inputs, outputs


def engine_tensors(library: TensorRtLibrary, engine: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Describe the inputs and outputs of an engine."""
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        tensor = Tensor(name, _dtype(library, engine.get_tensor_dtype(name)), _shape(engine.get_tensor_shape(name)))
        is_input = engine.get_tensor_mode(name) == library.module.TensorIOMode.INPUT
        (inputs if is_input else outputs).append(tensor)
    return inputs, outputs


def _describe(library: TensorRtLibrary, tensor: Any) -> Tensor:
    return Tensor(tensor.name, _dtype(library, tensor.dtype), _shape(tensor.shape))


def _dtype(library: TensorRtLibrary, kind: Any) -> str:
    name: str = np.dtype(library.module.nptype(kind)).name
    return name


def _shape(sides: Any) -> tuple[int | None, ...]:
    return tuple(None if side < 0 else int(side) for side in sides)


def _use_timing_cache(config: Any, path: Path | None) -> Callable[[], None]:
    """Load measured kernel timings of earlier builds into `config` and return what saves them again."""
    if path is None:
        return lambda: None
    try:
        known = path.read_bytes()
    except OSError:  # without them all kernels are timed
        known = b""
    timings = config.create_timing_cache(known)
    if not config.set_timing_cache(timings, ignore_mismatch=False) and known:
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)

    def save() -> None:
        try:
            with replacing(path) as temporary:
                temporary.write_bytes(bytes(config.get_timing_cache().serialize()))
        except OSError as error:
            _LOG.warning("%s: timings of kernels cannot be kept: %s", path, error.strerror or error)

    return save


def _build_failure(library: TensorRtLibrary, path: Path) -> ModelPackageError | RuntimeUnavailableError:
    reason = library.messages.reason()
    if library.messages.mentions("memory"):
        return RuntimeUnavailableError(f"{library.product}: no memory on the device to build {path}: {reason}")
    if library.messages.mentions("cudaerror"):
        return RuntimeUnavailableError(f"{library.product}: CUDA fails while {path} is built: {reason}")
    return ModelPackageError(f"{path}: {library.product} cannot compile the graph: {reason}")
