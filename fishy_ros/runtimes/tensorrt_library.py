"""The two libraries behind the runtime `tensorrt`, and all that differs between them.

`tensorrt` comes with JetPack and from NVIDIA for data centres; it times kernels on the GPU and so builds only for the
GPU that it runs on. `tensorrt_rtx` (TensorRT for RTX, from PyPI) compiles ahead of time on any machine, for GPUs that
are elsewhere, and finishes the engine just in time on the GPU, with what that gave kept in a runtime cache. Both have
the same classes otherwise.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fishy_ros.errors import ConfigError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.runtimes.nvidia import count_gpus
from fishy_ros.runtimes.options import never
from fishy_ros.runtimes.tensorrt_log import Messages, create_logger, create_progress

LIBRARIES: dict[str, str] = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT for RTX"}
"""Modules in the order in which they are tried, with the names of the products."""
PORTABLE = "8.0+"
"""Target of an engine for every GPU of compute capability 8.0 (Ampere) and later; TensorRT for RTX only."""
_OPTIMISATION_LEVEL = 4
"""Of 0 to 5, for `tensorrt`: 4 compares all tactics; 5 also compiles more kernels, at several times the time."""
_REBUILDABLE = {
    "VERSION_MISMATCH": "it was built by another version of the library",
    "UNSUPPORTED_CC": "it was built for other compute capabilities than that of this GPU",
    "MALFORMED_ENGINE": "it is damaged",
}
"""Of `EngineInvalidityDiagnostics` those where a new engine helps, in words."""
_HOPELESS = {
    "OLD_CUDA_DRIVER": "the driver is too old",
    "OLD_CUDA_RUNTIME": "the CUDA runtime is too old",
    "INSUFFICIENT_GPU_MEMORY": "the GPU has too little memory",
    "CUDA_ERROR": "CUDA fails on this GPU",
}
"""And those where it does not."""


@dataclass(frozen=True)
class TensorRtLibrary:
    """One of the two libraries, imported; `module` is `tensorrt` or `tensorrt_rtx`."""

    module: Any
    messages: Messages
    """What the library has logged; one object for all that it makes."""
    logger: Any
    """The `ILogger` that fills `messages`."""

    @property
    def name(self) -> str:
        """`tensorrt` or `tensorrt_rtx`."""
        return str(self.module.__name__)

    @property
    def version(self) -> str:
        """Version of the library, such as `1.7.1.116`."""
        return str(self.module.__version__)

    @property
    def product(self) -> str:
        """Product and version, such as `TensorRT for RTX 1.7.1.116`."""
        return f"{LIBRARIES[self.name]} {self.version}"

    @property
    def is_rtx(self) -> bool:
        """Whether engines are compiled ahead of time for named GPUs and finished just in time on one."""
        return self.name == "tensorrt_rtx"

    @property
    def flags(self) -> tuple[str, ...]:
        """Builder settings that change an engine, for its key."""
        own = () if self.is_rtx else (f"level={_OPTIMISATION_LEVEL}",)
        return (*own, "strongly-typed", "no-tf32")

    @property
    def targets(self) -> dict[str, Any]:
        """Compute capabilities such as `8.6` that engines can be built for on any machine; none for `tensorrt`."""
        members = self.module.ComputeCapability.__members__ if self.is_rtx else {}
        known = {name.removeprefix("SM"): value for name, value in members.items() if name.startswith("SM")}
        return {f"{digits[:-1]}.{digits[-1]}": value for digits, value in known.items()}

    def target_for(self, capability: str) -> str:
        """Return the target that is built for a GPU of a compute capability: itself, or the portable one."""
        return capability if not self.is_rtx or capability in self.targets else PORTABLE

    def parse(self, content: bytes, path: Path) -> ParsedNetwork:
        """Parse a graph.

        The network is strongly typed: every tensor has the type that the graph gives it, so FP16 and INT8 are
        properties of the package's variants and not of the builder.

        Args:
            content: the ONNX file.
            path: what errors call it.

        Raises:
            ModelPackageError: the parser refuses the graph.
            RuntimeUnavailableError: the library does not start.
        """
        builder = self.start("Builder", self.logger)
        # TensorRT 11 has only strongly typed networks and ignores the flag.
        network = builder.create_network(1 << int(self.module.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = self.module.OnnxParser(network, self.logger)
        if not parser.parse(content):
            reasons = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
            raise ModelPackageError(f"{path}: {self.product} cannot parse the graph: {reasons[:400]}")
        return ParsedNetwork(builder, network, parser)

    def configure(
        self,
        builder: Any,
        targets: tuple[str, ...],
        dla_core: int | None,
        is_cancelled: Callable[[], bool] = never,
    ) -> Any:
        """Return the `IBuilderConfig` for targets (the current GPU, for `tensorrt`) or a deep learning accelerator.

        A build with it ends, without an engine, soon after `is_cancelled` says yes.

        Raises:
            ConfigError: the library cannot build for a target.
            RuntimeUnavailableError: there is no such accelerator.
        """
        trt = self.module
        config = builder.create_builder_config()
        config.progress_monitor = create_progress(trt, is_cancelled)
        # TF32 rounds factors to 10 bits; FP32 is the precision that the others are compared with.
        config.clear_flag(trt.BuilderFlag.TF32)
        if not self.is_rtx:
            config.builder_optimization_level = _OPTIMISATION_LEVEL
        if dla_core is not None:
            self.check_dla(builder, dla_core)
            config.default_device_type = trt.DeviceType.DLA
            config.DLA_core = dla_core
            config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
        if self.is_rtx and targets != (PORTABLE,):
            self.check_targets(targets)
            config.num_compute_capabilities = len(targets)
            for index, target in enumerate(targets):
                config.set_compute_capability(self.targets[target], index)
        return config

    def check_targets(self, targets: tuple[str, ...]) -> None:
        """Check what engines are to be built for.

        Raises:
            ConfigError: the library cannot build for a target.
        """
        for target in targets:
            if target not in self.targets and (target != PORTABLE or len(targets) > 1):
                known = ", ".join(self.targets) or "the GPU of this machine only"
                raise ConfigError(f"target {target!r}: {self.product} builds for {known}; or for {PORTABLE} alone")

    def check_dla(self, builder: Any, wanted: int) -> None:
        """Check that a deep learning accelerator is there.

        Raises:
            RuntimeUnavailableError: it is not.
        """
        cores = 0 if self.is_rtx else int(builder.num_DLA_cores)
        if wanted >= cores:
            raise RuntimeUnavailableError(
                f"dla:{wanted} not found: {self.product} sees {cores} deep learning accelerators (TensorRT for RTX "
                "and TensorRT 11 support none); take device cuda"
            )

    def open_runtime(self, dla_core: int | None = None) -> Any:
        """Return what reads engines (`IRuntime`).

        Raises:
            RuntimeUnavailableError: the library does not start on this machine.
        """
        runtime = self.start("Runtime", self.logger)
        if dla_core is not None and not self.is_rtx:
            runtime.DLA_core = dla_core
        return runtime

    def deserialize(self, runtime: Any, content: bytes) -> tuple[Any, str]:
        """Load an engine (`ICudaEngine`); return None and the reason where a new one would help.

        Raises:
            RuntimeUnavailableError: no engine can be loaded on this machine.
        """
        self.messages.clear()
        if hasattr(runtime, "get_engine_validity"):
            validity, found = runtime.get_engine_validity(content)
            if validity == self.module.EngineValidity.INVALID:
                return None, self._explain(int(found))
        engine = runtime.deserialize_cuda_engine(content)
        return engine, "" if engine is not None else self.messages.reason()

    def _explain(self, found: int) -> str:
        kinds = self.module.EngineInvalidityDiagnostics.__members__
        names = [name for name, kind in kinds.items() if found & int(kind)]
        reasons = [_REBUILDABLE[name] for name in names if name in _REBUILDABLE]
        if reasons:
            return "; ".join(reasons)
        hopeless = "; ".join(_HOPELESS.get(name, name) for name in names)
        raise RuntimeUnavailableError(
            f"{self.product} cannot load engines on this machine: "
            f"{hopeless or self.messages.reason('it does not say why')}"
        )

    def start(self, kind: str, *arguments: Any) -> Any:
        """Create an object of the library that may need a driver.

        Raises:
            RuntimeUnavailableError: it cannot be created.
        """
        self.messages.clear()
        try:
            return getattr(self.module, kind)(*arguments)
        except TypeError as error:  # pybind11's answer to a null pointer
            raise RuntimeUnavailableError(
                f"{self.product} does not start: {self.messages.reason(str(error))}"
            ) from error


@dataclass(frozen=True)
class ParsedNetwork:
    """A network with the objects that must outlive it."""

    builder: Any
    network: Any
    parser: Any


def installed_libraries() -> tuple[str, ...]:
    """Return which of the two libraries are installed, in the order in which they are tried."""
    return tuple(name for name in LIBRARIES if importlib.util.find_spec(name) is not None)


def open_library(name: str) -> TensorRtLibrary:
    """Import one of `LIBRARIES`.

    Raises:
        RuntimeUnavailableError: it is not installed or does not load.
    """
    try:
        module = importlib.import_module(name)
        messages = Messages(has_gpu=count_gpus() > 0)
        return TensorRtLibrary(module, messages, create_logger(module, messages))
    except (ImportError, OSError, AttributeError) as error:
        raise RuntimeUnavailableError(f"{LIBRARIES[name]} ({name}) does not load: {error}") from error
