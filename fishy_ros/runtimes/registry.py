"""The runtimes by name; each module is imported only when its runtime is started."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import NamedTuple

from fishy_ros.errors import RuntimeUnavailableError
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.base import Runtime
from fishy_ros.runtimes.options import RuntimeOptions


class _Entry(NamedTuple):
    module: str
    opener: str
    """Class or function of the module, called with a package and options."""
    libraries: tuple[str, ...]
    """Modules that must be there; of some that are joined by `|`, one."""
    install: str


_ENTRIES: dict[str, _Entry] = {
    "tensorrt": _Entry(
        "tensorrt_runtime",
        "open_tensorrt",
        ("tensorrt|tensorrt_rtx", "cuda.bindings"),
        "pip install 'fishy_ros[tensorrt]' for TensorRT for RTX; on a Jetson TensorRT is part of JetPack, and pip "
        "install cuda-bindings",
    ),
    "onnxruntime": _Entry("onnxruntime_runtime", "OnnxRuntime", ("onnxruntime",), "pip install onnxruntime"),
    "onnxruntime-tensorrt": _Entry(
        "onnxruntime_runtime", "open_with_tensorrt", ("onnxruntime",), "pip install onnxruntime-gpu"
    ),
    "openvino": _Entry("openvino_runtime", "OpenVinoRuntime", ("openvino",), "pip install openvino"),
}

RUNTIMES: tuple[str, ...] = tuple(_ENTRIES)
"""Names of the runtimes, besides `auto`."""


def why_not_installed(name: str) -> str | None:
    """Say which library of a runtime is not installed and what to do about it, or None where all are there."""
    entry = _ENTRIES[name]
    missing = [names for names in entry.libraries if not any(_is_installed(name) for name in names.split("|"))]
    return f"{name}: {', '.join(missing).replace('|', ' or ')} is not installed; {entry.install}" if missing else None


def start(name: str, package: ModelPackage, options: RuntimeOptions) -> Runtime:
    """Import a runtime and load a graph with it.

    Raises:
        RuntimeUnavailableError: a library or device is missing or does not start.
        ModelPackageError: the runtime cannot load the graph.
    """
    missing = why_not_installed(name)
    if missing:
        raise RuntimeUnavailableError(missing)
    entry = _ENTRIES[name]
    try:
        module = importlib.import_module(f"fishy_ros.runtimes.{entry.module}")
    except (ImportError, OSError) as error:
        raise RuntimeUnavailableError(f"{name}: its library does not load: {error}; {entry.install}") from error
    opener: Callable[[ModelPackage, RuntimeOptions], Runtime] = getattr(module, entry.opener)
    return opener(package, options)


def _is_installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except ModuleNotFoundError:  # the package that should contain it is missing
        return False
