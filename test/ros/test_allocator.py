"""Large blocks come from the heap once asked for; checked in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys
from fishy_ros.ros.allocator import keep_large_blocks
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def lies_on_the_heap():
    address = libc.malloc(6 * 1024 * 1024)
    with open("/proc/self/maps") as maps:
        for line in maps:
            low, high = (int(part, 16) for part in line.split()[0].split("-"))
            if low <= address < high:
                return "[heap]" in line

print(lies_on_the_heap(), keep_large_blocks(), lies_on_the_heap())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt belongs to glibc")
def test_a_block_of_the_size_of_an_image_moves_to_the_heap():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True", "True"]
