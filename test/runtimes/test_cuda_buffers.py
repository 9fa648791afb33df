"""Without a GPU every CUDA call fails with one line that says what to do, and nothing is left allocated."""

import numpy as np
import pytest

from fishy_ros.runtimes.nvidia import count_gpus

pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")

from fishy_ros.runtimes import cuda_buffers
from fishy_ros.runtimes.cuda_buffers import CudaError, CudaStream, DeviceBuffer, call, describe_gpu


@pytest.mark.skipif(count_gpus() > 0, reason="this machine has an NVIDIA GPU")
@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("cudaHostAlloc", lambda: DeviceBuffer((1, 8, 8, 3), np.uint8)),
        ("cudaStreamCreateWithFlags", CudaStream),
        ("cudaGetDeviceProperties", lambda: describe_gpu(0)),
        ("cudaSetDevice", lambda: call("cudaSetDevice", 0)),
    ],
)
def test_a_machine_without_a_driver_is_told_so_and_what_to_do(name, use):
    with pytest.raises(CudaError, match=rf"^{name}: cudaError\w+: .*driver"):
        use()


@pytest.mark.skipif(count_gpus() == 0, reason="there is no NVIDIA GPU with a working driver")
def test_a_buffer_goes_to_the_device_and_back():
    stream = CudaStream()
    buffer = DeviceBuffer((4, 5), np.float32)
    expected = np.arange(20, dtype=np.float32).reshape(4, 5)
    buffer.host[...] = expected
    buffer.copy_to_device(stream.handle)
    stream.synchronize()
    buffer.host[...] = 0
    stream.capture(lambda: buffer.copy_to_host(stream.handle))
    stream.launch()
    stream.synchronize()
    np.testing.assert_array_equal(buffer.host, expected)
    buffer.free()
    stream.close()


def test_every_function_and_constant_that_is_used_exists_in_these_bindings():
    runtime = cuda_buffers.cuda
    used = ["cudaMemcpyAsync", "cudaMalloc", "cudaFree", "cudaFreeHost", "cudaStreamSynchronize", "cudaStreamDestroy"]
    used += ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate", "cudaGraphLaunch"]
    used += ["cudaGraphDestroy", "cudaGraphExecDestroy", "cudaHostAllocDefault", "cudaStreamNonBlocking"]
    assert [name for name in used if not hasattr(runtime, name)] == []
    assert set(cuda_buffers._ADVICE) <= {status.name for status in runtime.cudaError_t}
