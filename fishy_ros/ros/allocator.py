"""Keep the memory of large messages instead of giving it back to the kernel after each."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
"""Names and numbers of glibc's `mallopt(3)`."""

MMAP_THRESHOLD_BYTES: int = 32 * 1024 * 1024
"""The largest that glibc allows: a 3840x2160 bgr8 image is 24 MiB."""
TRIM_THRESHOLD_BYTES: int = 256 * 1024 * 1024


def keep_large_blocks() -> bool:
    """Let glibc serve blocks of up to 32 MiB from its heap, and keep up to 256 MiB of free heap.

    By default every image gets fresh pages from the kernel, zeroed one by one when they are first touched, which
    takes longer than the copy into them. Returns False, and changes nothing, where the C library is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES) and mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES))


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
