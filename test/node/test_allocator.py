"""Large blocks come from the heap once asked for; checked in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys
from fishy_ros.node.heap import keep_large_blocks
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


GAP_SCRIPT = """
import ctypes
from fishy_ros.node.heap import give_back_free_blocks, keep_large_blocks
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
MIB = 2**20

def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 // MIB

keep_large_blocks()
block, lid = libc.malloc(24 * MIB), libc.malloc(MIB)
ctypes.memset(block, 1, 24 * MIB), ctypes.memset(lid, 1, MIB)
full = resident_mib()
libc.free(block)
kept = resident_mib()
print(full - kept, give_back_free_blocks(), full - resident_mib())
"""


HEAPS_SCRIPT = """
import ctypes, sys, threading
from fishy_ros.node.heap import use_one_heap

def heaps():
    libc = ctypes.CDLL(None)
    libc.fopen.restype, libc.malloc_info.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
    libc.fclose.argtypes = (ctypes.c_void_p,)
    file = libc.fopen(b"/dev/stderr", b"w")
    libc.malloc_info(0, file)
    libc.fclose(file)

if sys.argv[1] == "one":
    assert use_one_heap()
import cv2, numpy  # they start threads
barrier = threading.Barrier(5)
for _ in range(4):
    threading.Thread(target=barrier.wait).start()
heaps()
barrier.wait()
"""
"""Tells the heaps of a process with threads on stderr."""


def heaps(how_many: str) -> int:
    run = subprocess.run([sys.executable, "-c", HEAPS_SCRIPT, how_many], capture_output=True, text=True, check=True)
    return run.stderr.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt belongs to glibc")
def test_threads_share_one_heap_where_it_is_asked_for_before_they_start():
    assert heaps("many") > 1
    assert heaps("one") == 1


def test_the_entry_point_imports_nothing_that_starts_threads():
    script = "import sys; old = set(sys.modules); import fishy_ros.node.process; print(*set(sys.modules) - old)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "fishy_ros.node.process" in run.stdout
    assert not {"numpy", "cv2", "rclpy", "onnxruntime"} & set(run.stdout.split())


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt belongs to glibc")
def test_a_block_of_the_size_of_an_image_moves_to_the_heap():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True", "True"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_trim belongs to glibc")
@pytest.mark.skipif(os.sysconf("SC_PAGE_SIZE") != 4096, reason="counts pages of 4 KiB")
def test_a_gap_between_blocks_in_use_is_given_back_when_asked_for():
    run = subprocess.run([sys.executable, "-c", GAP_SCRIPT], capture_output=True, text=True, check=True)
    kept, given, back = run.stdout.split()
    assert (int(kept), given) == (0, "True")
    assert int(back) >= 22
