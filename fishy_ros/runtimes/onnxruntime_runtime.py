"""ONNX Runtime on the CPU, on CUDA, and through its TensorRT execution provider."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import onnxruntime as ort

from fishy_ros.errors import InferenceError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.model_package import GraphFile, ModelPackage
from fishy_ros.runtimes.base import HostBuffers, RawOutput, RuntimeInfo
from fishy_ros.runtimes.engine_cache import default_cache_folder
from fishy_ros.runtimes.onnxruntime_settings import CPU_SETTINGS, CpuSettings
from fishy_ros.runtimes.options import RuntimeOptions, one_line
from fishy_ros.runtimes.processors import default_threads
from fishy_ros.runtimes.signature import Tensor, check_signature

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

_LOG = logging.getLogger(__name__)
_DTYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}


class OnnxRuntime(HostBuffers):
    """A graph in ONNX Runtime; on the CPU it reads the input buffer and writes the outputs in place.

    On a GPU the input is copied to a device buffer allocated once and both outputs come back into host memory
    allocated once.

    Raises:
        RuntimeUnavailableError: the execution provider is not installed or does not start.
        ModelPackageError: the graph cannot be parsed, has an operator that is not known, or another signature.
    """

    def __init__(
        self,
        package: ModelPackage,
        options: RuntimeOptions,
        provider: str | None = None,
        settings: CpuSettings = CPU_SETTINGS,
    ) -> None:
        self._provider = provider or (CUDA if options.wants_cuda else CPU)
        graph = package.graph(options.precision, "tensorrt" if self._provider == TENSORRT else "")
        threads = options.threads or default_threads()
        session = _open_session(graph, self._provider, options, settings.session_options(threads))
        height, width = check_signature(
            package, graph.path, _tensors(session.get_inputs()), _tensors(session.get_outputs())
        )
        self._session: Any = session
        super().__init__(package, height, width)
        self._binding = session.io_binding()
        self._device_input: Any = None
        if self._provider == CPU:
            _bind(self._binding.bind_input, package.input_name, self._input)
        else:
            self._device_input = _device_copy(self._input, options.cuda_index)
            self._binding.bind_ortvalue_input(package.input_name, self._device_input)
        _bind(self._binding.bind_output, package.score_name, self._score)
        _bind(self._binding.bind_output, package.labels_name, self._labels)
        device = "cpu" if self._provider == CPU else f"cuda:{options.cuda_index}"
        name = "onnxruntime-tensorrt" if self._provider == TENSORRT else "onnxruntime"
        detail = f"{self._provider}, {options.precision}" + (f", {threads} threads" if self._provider == CPU else "")
        self.info = RuntimeInfo(name, device, ort.__version__, detail)

    def run(self) -> RawOutput:
        """Run the graph on what `input_buffer` holds.

        Raises:
            InferenceError: the engine failed, or the runtime is closed.
        """
        if self._session is None:
            raise InferenceError("onnxruntime: the runtime is closed")
        try:
            if self._device_input is not None:
                self._device_input.update_inplace(self._input)
            self._session.run_with_iobinding(self._binding)
            if self._device_input is not None:
                self._binding.synchronize_outputs()
        except Exception as error:  # the bindings raise RuntimeError and classes of their own
            raise InferenceError(f"onnxruntime ({self._provider}): {one_line(error)}") from error
        return RawOutput(self._score[0], self._labels[0])

    def close(self) -> None:
        """Free the session and the device buffers."""
        self._session = self._binding = self._device_input = None


def open_with_tensorrt(package: ModelPackage, options: RuntimeOptions) -> OnnxRuntime:
    """Load a graph through ONNX Runtime's TensorRT execution provider; raises what `OnnxRuntime` raises."""
    return OnnxRuntime(package, options, TENSORRT)


def _open_session(graph: GraphFile, provider: str, options: RuntimeOptions, settings: ort.SessionOptions) -> Any:
    available = ort.get_available_providers()
    if provider not in available:
        raise RuntimeUnavailableError(
            f"onnxruntime: {provider} is not in the installed build {ort.__version__} (it has {', '.join(available)}); "
            "for NVIDIA GPUs install onnxruntime-gpu"
        )
    if provider != CPU and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    try:
        providers = _provider_chain(provider, options.cuda_index, graph)
        session = ort.InferenceSession(graph.read(), settings, providers=providers)
    except ModelPackageError:
        raise
    except Exception as error:  # every failure has a class of its own, all derived from Exception
        reason = f"{type(error).__name__}: {one_line(error)}"
        if provider != CPU and ("CUDA" in reason or "allocate" in reason):
            raise RuntimeUnavailableError(f"onnxruntime: {provider} does not start: {reason}") from error
        raise ModelPackageError(
            f"{graph.path}: ONNX Runtime {ort.__version__} cannot load the graph: {reason}"
        ) from error
    if session.get_providers()[0] != provider:
        raise RuntimeUnavailableError(
            f"onnxruntime: {provider} did not start (driver, CUDA or cuDNN missing or too old?); "
            f"ONNX Runtime fell back to {session.get_providers()[0]}"
        )
    return session


def _provider_chain(provider: str, device_id: int, graph: GraphFile) -> list[str | tuple[str, dict[str, str]]]:
    cuda = (CUDA, {"device_id": str(device_id), "cudnn_conv_algo_search": "EXHAUSTIVE"})
    if provider == TENSORRT:
        return [(TENSORRT, {"device_id": str(device_id), **_engine_cache(graph)}), cuda, CPU]
    return [cuda, CPU] if provider == CUDA else [CPU]


def _engine_cache(graph: GraphFile) -> dict[str, str]:
    """Let each graph have its own folder: ONNX Runtime names engines by what a graph looks like, not by its weights."""
    folder = default_cache_folder().with_name("onnxruntime") / graph.sha256
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _LOG.warning("%s: engines cannot be cached: %s", folder, error.strerror or error)
        return {}
    return {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(folder)}


def _device_copy(array: np.ndarray[Any, Any], index: int) -> Any:
    try:
        return ort.OrtValue.ortvalue_from_numpy(array, "cuda", index)
    except Exception as error:  # the bindings raise RuntimeError and classes of their own
        raise RuntimeUnavailableError(f"onnxruntime: cuda:{index} cannot allocate memory: {one_line(error)}") from error


def _bind(bind: Any, name: str, array: np.ndarray[Any, Any]) -> None:
    bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)


def _tensors(arguments: Any) -> list[Tensor]:
    return [
        Tensor(
            argument.name,
            _DTYPES.get(argument.type, argument.type),
            tuple(size if isinstance(size, int) else None for size in argument.shape),
        )
        for argument in arguments
    ]
