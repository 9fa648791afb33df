"""CUDA memory, one stream and one captured graph through NVIDIA's own bindings; no torch, no pycuda."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from cuda.bindings import runtime as cuda
from numpy.typing import DTypeLike, NDArray

_ADVICE = {
    "cudaErrorInsufficientDriver": "update the driver, or install cuda-bindings of the major version that it supports",
    "cudaErrorMemoryAllocation": "another process may hold the memory (nvidia-smi); take a lower precision",
    "cudaErrorInvalidDevice": "nvidia-smi lists the GPUs, the first one is cuda:0",
}


class CudaError(RuntimeError):
    """A CUDA call failed; the message is the call and the runtime's words."""


def call(name: str, *arguments: Any) -> Any:
    """Call a function of the CUDA runtime and return what it gives besides its status.

    Raises:
        CudaError: the status is not success.
    """
    status, *values = getattr(cuda, name)(*arguments)
    if status != cuda.cudaError_t.cudaSuccess:
        raise CudaError(f"{name}: {status.name}: {_describe(status)}")
    return values[0] if len(values) == 1 else values or None


class DeviceBuffer:
    """A page-locked array on the host and its twin on the device, both allocated once.

    Raises:
        CudaError: there is no memory left.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._host_pointer: int | None = None
        self.device_pointer: int | None = None
        self.size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self._host_pointer = int(call("cudaHostAlloc", self.size, cuda.cudaHostAllocDefault))
        try:
            self.device_pointer = int(call("cudaMalloc", self.size))
        except CudaError:
            self.free()
            raise
        memory = (ctypes.c_uint8 * self.size).from_address(self._host_pointer)
        self.host: NDArray[Any] = np.ctypeslib.as_array(memory).view(dtype).reshape(shape)
        self.host[...] = 0

    def copy_to_device(self, stream: Any) -> None:
        """Queue the copy from the host."""
        kind = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        call("cudaMemcpyAsync", self.device_pointer, self._host_pointer, self.size, kind, stream)

    def copy_to_host(self, stream: Any) -> None:
        """Queue the copy from the device."""
        kind = cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        call("cudaMemcpyAsync", self._host_pointer, self.device_pointer, self.size, kind, stream)

    def free(self) -> None:
        """Free both; arrays that view the host's memory must not be used any more."""
        if self.device_pointer is not None:
            cuda.cudaFree(self.device_pointer)
        if self._host_pointer is not None:
            cuda.cudaFreeHost(self._host_pointer)
        self.device_pointer = self._host_pointer = None


class CudaStream:
    """A stream that does not wait for the default one, and the graph that was captured on it."""

    def __init__(self) -> None:
        self.handle: Any = call("cudaStreamCreateWithFlags", cuda.cudaStreamNonBlocking)
        self._graph: Any = None

    def synchronize(self) -> None:
        """Wait until everything queued is done."""
        call("cudaStreamSynchronize", self.handle)

    def capture(self, work: Callable[[], None]) -> None:
        """Record what `work` queues as a graph, so that `launch` queues it in one call.

        Raises:
            CudaError: something in `work` cannot be captured; nothing is left then.
        """
        call("cudaStreamBeginCapture", self.handle, cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal)
        try:
            work()
        finally:
            recorded = call("cudaStreamEndCapture", self.handle)
        try:
            self._graph = call("cudaGraphInstantiate", recorded, 0)
        finally:
            cuda.cudaGraphDestroy(recorded)

    def launch(self) -> None:
        """Queue the captured graph."""
        call("cudaGraphLaunch", self._graph, self.handle)

    def close(self) -> None:
        """Free the graph and the stream."""
        if self._graph is not None:
            cuda.cudaGraphExecDestroy(self._graph)
        if self.handle is not None:
            cuda.cudaStreamDestroy(self.handle)
        self._graph = self.handle = None


def describe_gpu(index: int) -> tuple[str, str]:
    """Return the name of a GPU and its compute capability, such as `("NVIDIA H200", "9.0")`.

    Raises:
        CudaError: there is no such GPU, or the driver is older than the runtime needs.
    """
    properties = call("cudaGetDeviceProperties", index)
    return properties.name.decode(errors="replace"), f"{properties.major}.{properties.minor}"


def _describe(status: Any) -> str:
    _, text = cuda.cudaGetErrorString(status)
    words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return f"{words}; {_ADVICE[status.name]}" if status.name in _ADVICE else words
