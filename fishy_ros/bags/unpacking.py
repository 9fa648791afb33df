"""Unpack what is compressed in a bag, never to more than it may be."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from lz4.frame import LZ4FrameDecompressor

from fishy_ros.errors import BagError
from fishy_ros.imaging import MAX_PIXELS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_UNPACKED_BYTES: int = 8 * MAX_PIXELS + (1 << 20)
"""Largest message or MCAP chunk once unpacked: the largest accepted image, at 8 bytes a pixel, with its header."""
MAX_FRAMES: int = 16
"""Most Zstandard frames of a message or chunk, each of which costs a copy of what follows it; recorders write one."""
DISK_RESERVE_BYTES: int = 1 << 30
"""So much of the disk stays free when a whole file is unpacked."""

_BLOCK = 1 << 20


def unpack_zstd(data: bytes, limit: int = MAX_UNPACKED_BYTES) -> bytes:
    """Decompress Zstandard frames to at most `limit` bytes.

    Raises:
        BagError: there is more in them, they break off, or there are more than `MAX_FRAMES`.
        ZstdError: they are damaged.
    """
    parts: list[bytes] = []
    left = limit
    while data:
        if len(parts) == MAX_FRAMES:
            raise BagError(f"compressed data with more than {MAX_FRAMES} frames; recorders write one")
        frame = zstd.ZstdDecompressor()
        part = frame.decompress(data, max_length=left + 1)
        if len(part) > left:
            raise BagError(f"{len(data)} compressed bytes unpack to more than the {limit} bytes allowed")
        if not frame.eof:
            raise BagError(f"{len(data)} compressed bytes are truncated")
        left -= len(part)
        parts.append(part)
        data = frame.unused_data
    return b"".join(parts)


def unpack_lz4(data: bytes, limit: int = MAX_UNPACKED_BYTES) -> bytes:
    """Decompress an LZ4 frame to at most `limit` bytes.

    Raises:
        BagError: there is more in it.
        RuntimeError: it is damaged.
    """
    unpacked: bytes = LZ4FrameDecompressor().decompress(data, max_length=limit + 1)
    if len(unpacked) > limit:
        raise BagError(f"{len(data)} compressed bytes unpack to more than the {limit} bytes allowed")
    return unpacked


def unpack_file(source: Path, target: Path) -> None:
    """Decompress a `.zstd` file, and leave `DISK_RESERVE_BYTES` of the disk free.

    Raises:
        BagError: there is too little room for what is in it.
        ZstdError, OSError, EOFError: the file is damaged, or cannot be read or written.
    """
    room = shutil.disk_usage(target.parent).free - DISK_RESERVE_BYTES
    with zstd.open(source, "rb") as packed, target.open("wb") as sink:
        while block := packed.read(_BLOCK):
            room -= len(block)
            if room < 0:
                raise BagError(f"{source}: not enough space to unpack to {target.parent}; 1 GiB has to stay free")
            sink.write(block)
