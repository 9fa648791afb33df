"""TensorRT 10 and 11 and TensorRT for RTX: an engine, page-locked buffers and one captured CUDA graph a frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fishy_ros.errors import FishyError, InferenceError, RuntimeUnavailableError
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.base import RawOutput, RuntimeInfo
from fishy_ros.runtimes.cuda_buffers import CudaError, CudaStream, DeviceBuffer, call, describe_gpu
from fishy_ros.runtimes.engine_cache import EngineCache
from fishy_ros.runtimes.options import RuntimeOptions
from fishy_ros.runtimes.signature import check_signature
from fishy_ros.runtimes.tensorrt_build import GRAPH_NAME, engine_tensors
from fishy_ros.runtimes.tensorrt_engine import Gpu, kernels_key, load_engine
from fishy_ros.runtimes.tensorrt_kernels import ExecutionContext
from fishy_ros.runtimes.tensorrt_library import TensorRtLibrary, installed_libraries, open_library
from fishy_ros.types import ImageArray


class TensorRtRuntime:
    """A graph compiled for this GPU; a run is one launch: copy in, network, copies out.

    With a `shrink` above 1 the input is so many times as high and wide as the network's, and is shrunk on the GPU.
    `engine_file` is where the next start finds the engine; None where it could not be cached.

    Raises:
        RuntimeUnavailableError: no GPU, one that the library does not support, an old driver, or no memory left.
        ModelPackageError: the graph cannot be parsed or compiled, or has another signature.
    """

    def __init__(
        self, package: ModelPackage, options: RuntimeOptions, library: TensorRtLibrary, shrink: int = 1
    ) -> None:
        self._gpu = options.cuda_index
        self._library = library
        self._buffers: list[DeviceBuffer] = []
        self._stream: CudaStream | None = None
        self._execution: ExecutionContext | None = None
        self._captured = False
        try:
            self._start(package, options, shrink)
        except CudaError as error:
            self.close()
            raise RuntimeUnavailableError(f"{library.product} on cuda:{options.cuda_index}: {error}") from error
        except Exception:
            self.close()
            raise
        device = f"cuda:{self._gpu}" if options.dla_core is None else f"dla:{options.dla_core}"
        self.info = RuntimeInfo(
            "tensorrt",
            device,
            library.version,
            f"{library.product}, {options.precision}{', CUDA graph' if self._captured else ''}",
        )

    def _start(self, package: ModelPackage, options: RuntimeOptions, shrink: int) -> None:
        call("cudaSetDevice", options.cuda_index)
        gpu = Gpu(*describe_gpu(options.cuda_index))
        cache = EngineCache(warn=options.warn, is_cancelled=options.is_cancelled)
        self._loaded = load_engine(self._library, package, options, gpu, cache, shrink)
        self.engine_file: Path | None = self._loaded.file
        package = replace(package, input_height=shrink * package.input_height, input_width=shrink * package.input_width)
        graph = package.graph(options.precision, GRAPH_NAME)
        height, width = check_signature(package, graph.path, *engine_tensors(self._library, self._loaded.engine))
        key = kernels_key(self._loaded.key, gpu)
        self._execution = ExecutionContext(self._library, self._loaded.engine, cache, key)
        self._context: Any = self._execution.context
        self._image = self._allocate(package.input_name, package.input_shape, np.uint8)
        scores = {name: self._allocate(name, (1, height, width), np.float32) for name in package.score_outputs}
        self._score = scores[package.score_name]  # the others are written, too, and stay on the device
        self._labels = self._allocate(package.labels_name, (1, height, width), np.uint8)
        self._stream = CudaStream()
        self._queue()  # the first run allocates, which a capture must not
        self._stream.synchronize()
        self._execution.keep_kernels()
        self._captured = self._capture(options)

    @property
    def input_buffer(self) -> ImageArray:
        """The page-locked uint8 `[H, W, 3]` BGR buffer that the next run reads."""
        if self._stream is None:
            raise InferenceError("tensorrt: the runtime is closed")
        image: ImageArray = self._image.host[0]
        return image

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the outputs, in px."""
        return self._score.host.shape[1], self._score.host.shape[2]

    def run(self) -> RawOutput:
        """Run the engine on what `input_buffer` holds.

        Raises:
            InferenceError: the device failed, or the runtime is closed.
        """
        if self._stream is None:
            raise InferenceError("tensorrt: the runtime is closed")
        try:
            call("cudaSetDevice", self._gpu)  # the caller's thread may have another current device
            if self._captured:
                self._stream.launch()
            else:
                self._queue()
            self._stream.synchronize()
        except CudaError as error:
            raise InferenceError(f"tensorrt: {error}") from error
        return RawOutput(self._score.host[0], self._labels.host[0])

    def close(self) -> None:
        """Free the engine, the stream and all buffers."""
        if self._stream is not None:
            self._stream.close()
        for buffer in self._buffers:
            buffer.free()
        self._buffers.clear()
        self._stream = self._context = self._execution = None
        # The engine goes before the runtime that has read it.
        self._loaded = None  # type: ignore[assignment]

    def _allocate(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> DeviceBuffer:
        buffer = DeviceBuffer(shape, dtype)
        self._buffers.append(buffer)
        self._context.set_tensor_address(name, buffer.device_pointer)
        return buffer

    def _capture(self, options: RuntimeOptions) -> bool:
        """Record one run as a CUDA graph, where the library allows that."""
        assert self._stream is not None
        may = getattr(self._context, "is_stream_capturable", None)
        if may is not None and not may(int(self._stream.handle)):
            options.warn(f"{self._library.product} cannot be captured as a CUDA graph; each frame queues its kernels")
            return False
        self._stream.capture(self._queue)
        return True

    def _queue(self) -> None:
        assert self._stream is not None
        self._image.copy_to_device(self._stream.handle)
        if not self._context.execute_async_v3(int(self._stream.handle)):
            raise CudaError(f"execute_async_v3: {self._library.messages.reason()}")
        self._score.copy_to_host(self._stream.handle)
        self._labels.copy_to_host(self._stream.handle)


def open_tensorrt(package: ModelPackage, options: RuntimeOptions) -> TensorRtRuntime:
    """Load a graph with the first of the installed libraries that supports the GPU.

    Raises:
        RuntimeUnavailableError: none does; of several libraries, each one's reason is given.
        ModelPackageError: the graph cannot be parsed or compiled, or has another signature.
    """
    failures: list[FishyError] = []
    names = installed_libraries()
    for position, name in enumerate(names, start=1):
        try:
            return TensorRtRuntime(package, options, open_library(name))
        except RuntimeUnavailableError as error:
            failures.append(error)
            if position < len(names):
                options.warn(f"tensorrt: {error}; {names[position]} is tried")
    raise RuntimeUnavailableError("; ".join(str(failure) for failure in failures))
