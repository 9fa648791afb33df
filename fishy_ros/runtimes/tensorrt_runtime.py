"""TensorRT 10 and 11: a cached engine, page-locked buffers and one captured CUDA graph a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorrt as trt

from fishy_ros.errors import InferenceError, RuntimeUnavailableError
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.base import RawOutput, RuntimeInfo
from fishy_ros.runtimes.cuda_buffers import CudaError, CudaStream, DeviceBuffer, call
from fishy_ros.runtimes.options import RuntimeOptions
from fishy_ros.runtimes.signature import Tensor, check_signature
from fishy_ros.runtimes.tensorrt_engine import load_engine
from fishy_ros.types import ImageArray


class TensorRtRuntime:
    """A graph compiled for this GPU; a run is one launch: copy in, network, copies out.

    Raises:
        RuntimeUnavailableError: no GPU, a driver that is too old, or no memory left.
        ModelPackageError: the graph cannot be parsed or compiled, or has another signature.
    """

    def __init__(self, package: ModelPackage, options: RuntimeOptions) -> None:
        self._gpu = options.cuda_index
        self._buffers: list[DeviceBuffer] = []
        self._stream: CudaStream | None = None
        try:
            call("cudaSetDevice", options.cuda_index)
            engine, self._logger = load_engine(package, options)
            inputs, outputs = _tensors(engine)
            height, width = check_signature(package, package.graph(options.precision, "tensorrt").path, inputs, outputs)
            self._engine: Any = engine
            self._context: Any = engine.create_execution_context()
            if self._context is None:
                raise RuntimeUnavailableError("tensorrt: no execution context, most likely for lack of device memory")
            self._image = self._allocate(package.input_name, package.input_shape, np.uint8)
            self._score = self._allocate(package.score_name, (1, height, width), np.float32)
            self._labels = self._allocate(package.labels_name, (1, height, width), np.uint8)
            self._stream = CudaStream()
            self._queue()  # the first run allocates, which a capture must not
            self._stream.synchronize()
            self._stream.capture(self._queue)
        except CudaError as error:
            self.close()
            raise RuntimeUnavailableError(f"tensorrt on cuda:{options.cuda_index}: {error}") from error
        except Exception:
            self.close()
            raise
        device = f"cuda:{self._gpu}" if options.dla_core is None else f"dla:{options.dla_core}"
        self._info = RuntimeInfo("tensorrt", device, trt.__version__, f"{options.precision}, CUDA graph")

    @property
    def info(self) -> RuntimeInfo:
        """Which GPU runs the engine."""
        return self._info

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
            self._stream.launch()
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
        self._stream = self._context = self._engine = None

    def _allocate(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> DeviceBuffer:
        buffer = DeviceBuffer(shape, dtype)
        self._buffers.append(buffer)
        self._context.set_tensor_address(name, buffer.device_pointer)
        return buffer

    def _queue(self) -> None:
        assert self._stream is not None
        self._image.copy_to_device(self._stream.handle)
        if not self._context.execute_async_v3(int(self._stream.handle)):
            raise CudaError(f"execute_async_v3: {'; '.join(self._logger.errors[-1:]) or 'no reason given'}")
        self._score.copy_to_host(self._stream.handle)
        self._labels.copy_to_host(self._stream.handle)


def _tensors(engine: Any) -> tuple[list[Tensor], list[Tensor]]:
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        dtype = np.dtype(trt.nptype(engine.get_tensor_dtype(name))).name
        shape = tuple(None if side < 0 else int(side) for side in engine.get_tensor_shape(name))
        is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
        (inputs if is_input else outputs).append(Tensor(name, dtype, shape))
    return inputs, outputs
