"""Engines for GPUs that are elsewhere: compiled ahead of time with TensorRT for RTX and shipped in the package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fishy_ros.errors import RuntimeUnavailableError
from fishy_ros.model_package import EngineFile, ModelPackage
from fishy_ros.runtimes.tensorrt_build import GRAPH_NAME, BuildPlan, build_engine, graphs_to_build
from fishy_ros.runtimes.tensorrt_layers import Layer, read_layers
from fishy_ros.runtimes.tensorrt_library import PORTABLE, TensorRtLibrary, open_library

PORTABLE_TARGETS: tuple[str, ...] = (PORTABLE,)


@dataclass(frozen=True)
class AheadEngine:
    """A compiled engine with its entry in a package; `height` and `width` are those of the network's input in px."""

    entry: EngineFile
    content: bytes
    precision: str
    height: int
    width: int
    layers: tuple[Layer, ...]


def compile_ahead(
    package: ModelPackage, precisions: Sequence[str], targets: tuple[str, ...] = PORTABLE_TARGETS
) -> Iterator[AheadEngine]:
    """Compile every graph of a package for GPUs of some compute capabilities, on any machine.

    Args:
        package: the package; its reduced sizes are compiled too, in the precision that they have.
        precisions: which precisions of the full size to compile.
        targets: `8.6`, `12.0`, ... or `8.0+` alone, for 8.0 and all later ones.

    Raises:
        RuntimeUnavailableError: TensorRT for RTX is not installed or does not start.
        ModelPackageError: a graph cannot be parsed or compiled, or has another signature.
        ConfigError: the library cannot build for a target, or the package has no such precision.
    """
    library = _open()
    library.check_targets(targets)
    for sized, precision in graphs_to_build(package, precisions):
        yield _compile(library, sized, precision, targets)


def _compile(library: TensorRtLibrary, package: ModelPackage, precision: str, targets: tuple[str, ...]) -> AheadEngine:
    content = build_engine(library, package, precision, BuildPlan(targets, detailed=True))
    graph = package.graph(precision, GRAPH_NAME)
    names = "-".join(f"sm{target.replace('.', '').replace('+', 'plus')}" for target in targets)
    entry = EngineFile(
        path=graph.path.with_name(f"{graph.path.stem}.{names}.engine"),
        sha256=hashlib.sha256(content).hexdigest(),
        graph=graph.path.name,
        graph_sha256=graph.sha256,
        library=f"{library.name} {library.version}",
        targets=targets,
        flags=library.flags,
    )
    layers = read_layers(library.messages.layers)
    return AheadEngine(entry, content, precision, package.input_height, package.input_width, layers)


def _open() -> TensorRtLibrary:
    try:
        return open_library("tensorrt_rtx")
    except RuntimeUnavailableError as error:
        raise RuntimeUnavailableError(f"{error}; pip install 'fishy_ros[tensorrt]'") from error
