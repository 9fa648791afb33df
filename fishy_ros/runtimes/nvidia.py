"""Which NVIDIA GPUs the driver sees, asked without any CUDA library but the driver's own."""

from __future__ import annotations

import ctypes


def count_gpus() -> int:
    """Return the number of GPUs that the CUDA driver of this machine offers; 0 where there is no driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
