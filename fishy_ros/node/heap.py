"""How glibc keeps the memory of the process; imports nothing that starts threads."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
"""Names and numbers of glibc's `mallopt(3)`."""

MMAP_THRESHOLD_BYTES: int = 32 * 1024 * 1024
"""The largest that glibc allows: a 3840x2160 bgr8 image is 24 MiB."""
TRIM_THRESHOLD_BYTES: int = 256 * 1024 * 1024


def keep_large_blocks() -> bool:
    """Let glibc serve blocks of up to 32 MiB from its heap, and keep up to 256 MiB of free heap.

    By default every image gets fresh pages from the kernel, zeroed one by one when they are first touched, which
    takes longer than the copy into them. Returns False, and changes nothing, where the C library is not glibc.
    """
    return _set(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES) and _set(_M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)


def use_one_heap() -> bool:
    """Have all threads allocate from one heap; only before the first thread starts does that hold for all.

    By default glibc gives threads heaps of their own, up to eight a core, and free memory at the end of those never
    goes back to the kernel: each engine may be made by threads with another heap and leave its size there. Returns
    False, and changes nothing, where the C library is not glibc.
    """
    return _set(_M_ARENA_MAX, 1)


def give_back_free_blocks() -> bool:
    """Give free pages back to the kernel, those between blocks in use too: for when large things were just freed.

    What an engine leaves behind is seldom filled exactly by the next one, so without this the heap grows by such gaps.
    Returns False, and changes nothing, where the C library is not glibc.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return False
    trim(ctypes.c_size_t(0))
    return True


def _set(parameter: int, value: int) -> bool:
    try:
        return bool(ctypes.CDLL(None).mallopt(parameter, value))
    except (AttributeError, OSError):
        return False
