"""The engine of a package's graph: shipped with the package, from the cache, or built now."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fishy_ros.errors import ConfigError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.model_package import EngineFile, ModelPackage
from fishy_ros.runtimes.engine_cache import EngineCache, EngineKey
from fishy_ros.runtimes.options import RuntimeOptions
from fishy_ros.runtimes.tensorrt_build import GRAPH_NAME, BuildPlan, build_engine
from fishy_ros.runtimes.tensorrt_library import PORTABLE, TensorRtLibrary

_LOG = logging.getLogger(__name__)
ANY_GPU = "any"
"""Name of the GPU in the key of an engine that runs on all of its compute capability."""


@dataclass(frozen=True)
class Gpu:
    """A GPU as its driver describes it: name and compute capability, such as `8.6`."""

    name: str
    capability: str


@dataclass(frozen=True)
class LoadedEngine:
    """An engine (`ICudaEngine`), what reads it (`IRuntime`, which must outlive it), its key and its file."""

    engine: Any
    runtime: Any
    key: EngineKey
    file: Path | None
    """Where the next start finds it; None where it could not be cached."""


def engine_key(library: TensorRtLibrary, package: ModelPackage, options: RuntimeOptions, gpu: Gpu) -> EngineKey:
    """Return what the engine of a package on a GPU depends on."""
    flags = library.flags if options.dla_core is None else (*library.flags, f"dla={options.dla_core}")
    return EngineKey(
        graph_sha256=package.graph(options.precision, GRAPH_NAME).sha256,
        engine_version=f"{library.name} {library.version}",
        device=ANY_GPU if library.is_rtx else gpu.name,
        compute_capability=library.target_for(gpu.capability),
        precision=options.precision,
        input_shape=package.input_shape,
        flags=flags,
    )


def load_engine(
    library: TensorRtLibrary,
    package: ModelPackage,
    options: RuntimeOptions,
    gpu: Gpu,
    cache: EngineCache,
    shrink: int = 1,
) -> LoadedEngine:
    """Return the engine of a package for a GPU.

    An engine that the package ships comes first, then the cache; one that does not fit or that the library refuses is
    built anew, and `options.warn` is told why. With a `shrink` above 1 the engine takes images so many times as high
    and wide; packages ship none of those.

    Raises:
        ModelPackageError: the graph cannot be parsed or compiled.
        RuntimeUnavailableError: the library does not start, or refuses its own engine on this GPU.
        CancelledError: `options.is_cancelled` said yes while an engine was built or waited for.
    """
    if library.is_rtx and options.dla_core is not None:
        raise RuntimeUnavailableError(
            f"{library.product} does not support deep learning accelerators; take device cuda"
        )
    key = engine_key(library, package, options, gpu)
    if shrink > 1:
        key = replace(key, input_shape=(1, shrink * package.input_height, shrink * package.input_width, 3))
    runtime = library.open_runtime(options.dla_core)
    for shipped in fitting_engines(package, key, gpu, options) if shrink == 1 else ():
        try:
            engine, reason = library.deserialize(runtime, shipped.read())
        except ModelPackageError as error:
            engine, reason = None, str(error)
        if engine is not None:
            _LOG.info("%s: the engine %s of the package fits", library.product, shipped.path)
            return LoadedEngine(engine, runtime, key, shipped.path)
        options.warn(f"the shipped engine {shipped.path} is not used on {gpu.name}: {reason}; it is rebuilt")

    def build() -> bytes:
        plan = BuildPlan((key.compute_capability,), options.dla_core, cache.folder, shrink=shrink)
        return build_engine(library, package, options.precision, plan, options.is_cancelled)

    content, file = cache.get_or_build(key, build)
    engine, reason = library.deserialize(runtime, content)
    if engine is None:
        options.warn(f"{cache.path(key)}: {library.product} refuses it on {gpu.name}: {reason}; it is rebuilt")
        content, file = cache.get_or_build(key, build, refused=content)
        engine, reason = library.deserialize(runtime, content)
    if engine is None:
        raise RuntimeUnavailableError(
            f"{library.product} refuses an engine that it has just built on {gpu.name} (compute capability "
            f"{gpu.capability}): {reason}"
        )
    return LoadedEngine(engine, runtime, key, file)


def fitting_engines(package: ModelPackage, key: EngineKey, gpu: Gpu, options: RuntimeOptions) -> list[EngineFile]:
    """Return the shipped engines for a key and a GPU; where none of this graph's is, `options.warn` is told why."""
    graph = package.graph(options.precision, GRAPH_NAME).path.name
    library = key.engine_version.partition(" ")[0]
    candidates = [
        engine for engine in package.engines if engine.graph == graph and engine.library.partition(" ")[0] == library
    ]
    reasons = {engine: _why_unfit(engine, key, gpu) for engine in candidates}
    fitting = [engine for engine in candidates if reasons[engine] is None]
    if candidates and not fitting:
        misfits = "; ".join(f"{engine.path.name} is {reason}" for engine, reason in reasons.items())
        options.warn(f"{package.name}: no shipped engine fits ({misfits}); one is built")
    return fitting


def _why_unfit(engine: EngineFile, key: EngineKey, gpu: Gpu) -> str | None:
    if engine.graph_sha256 != key.graph_sha256:
        return f"of a graph with sha256 {engine.graph_sha256[:12]}, {engine.graph} has {key.graph_sha256[:12]}"
    if engine.library != key.engine_version:
        return f"by {engine.library}, installed is {key.engine_version}"
    if engine.flags != key.flags:
        return f"built with {', '.join(engine.flags)}, expected {', '.join(key.flags)}"
    if not covers(engine.targets, gpu.capability):
        return f"for compute capability {', '.join(engine.targets)}, {gpu.name} has {gpu.capability}"
    return None


def covers(targets: tuple[str, ...], capability: str) -> bool:
    """Tell whether an engine for some targets is for GPUs of a compute capability."""
    if targets == (PORTABLE,):
        return float(capability) >= float(PORTABLE.rstrip("+"))
    return capability in targets


def parse_target(text: str) -> str:
    """Read a target such as `sm86`, `8.6` or `portable` and return it as a compute capability, `8.6` or `8.0+`.

    Raises:
        ConfigError: it is none.
    """
    if text in ("portable", PORTABLE):
        return PORTABLE
    digits = text.lower().removeprefix("sm").replace(".", "")
    if not digits.isdecimal() or not 2 <= len(digits) <= 3:
        raise ConfigError(f"target {text!r}: expected a compute capability such as sm86 or 8.6, or portable")
    return f"{digits[:-1]}.{digits[-1]}"


def kernels_key(key: EngineKey, gpu: Gpu) -> EngineKey:
    """Return the key of what TensorRT for RTX has compiled just in time for an engine on a GPU."""
    return replace(key, kind="kernels", device=gpu.name, compute_capability=gpu.capability)
