"""Read the size of a picture from the header of its file, before a decoder may allocate for it.

PNG, JPEG, WebP, BMP and TIFF; OpenCV itself recognises two dozen formats by their first bytes, whatever a file is
called, so what is not one of the five is refused here.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ImageError
from fishy_ros.imaging.limits import MAX_PIXELS, check_size

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8"
MAX_SCANS = 100
"""Scans of a JPEG file; a progressive one has about ten, and each costs the decoder a pass over the whole image."""

_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers SOF0 to SOF15, which hold the size (ITU-T T.81, table B.1)."""
_JPEG_SCAN = 0xDA
_JPEG_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
"""Markers without a length, none of which belongs before a scan: a decoder reads on directly behind one."""
_MAX_TIFF_ENTRIES = 1000


def picture_size(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Read height and width, in px, from the header of a picture file, uint8 `[N]`.

    Raises:
        ImageError: the file is of none of the five formats, its header is damaged, or its size is out of bounds.
    """
    head = data[:64].tobytes()
    try:
        if head.startswith(PNG_SIGNATURE):
            return png_size(data)
        if head.startswith(JPEG_START):
            return jpeg_size(data.tobytes())[0]
        if head.startswith(b"BM"):
            return _bmp_size(head)
        if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            return _webp_size(head)
        if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
            return _tiff_size(data)
    except struct.error as error:
        raise ImageError(f"a picture of {data.size} bytes ends inside its header") from error
    raise ImageError(f"{data.size} bytes are not a PNG, JPEG, WebP, BMP or TIFF file: they start with {head[:8]!r}")


def png_size(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Read height and width, in px, of a whole PNG file.

    Every chunk is looked at: OpenCV's decoder allocates what a chunk states as its length before it reads on, so a
    message of 200 bytes took 4 GiB.

    Raises:
        ImageError: the first chunk is not a header, the size is out of bounds, or the file ends before its last chunk.
    """
    if data[12:16].tobytes() != b"IHDR" or data.size < 33:
        raise ImageError("a PNG image has no complete header")
    width, height = struct.unpack(">II", data[16:24].tobytes())
    check_size(height, width)
    view, position = data.data, len(PNG_SIGNATURE)
    while position + 12 <= len(view):
        (length,) = struct.unpack_from(">I", view, position)
        kind = bytes(view[position + 4 : position + 8])
        position += 12 + length
        if kind == b"IEND" and position <= len(view):
            return height, width
    raise ImageError(f"a PNG image of {data.size} bytes is cut off")


def jpeg_size(data: bytes) -> tuple[tuple[int, int], int]:
    """Read (height, width), in px, of a JPEG file, and the position of its first scan.

    Raises:
        ImageError: there is no complete header, the size is out of bounds, there are more than `MAX_SCANS` scans, or a
            marker before the first scan does not belong there.
    """
    size: tuple[int, int] | None = None
    position = len(JPEG_START)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _JPEG_BARE:
            raise ImageError(f"a JPEG image has a marker FF {marker:02X} in its header, where none may be")
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in _JPEG_FRAMES and position + 9 <= len(data):
            size = struct.unpack_from(">HH", data, position + 5)
        if marker == _JPEG_SCAN and size is not None:
            check_size(*size)
            scans = data.count(b"\xff\xda", position)
            if scans > MAX_SCANS:
                raise ImageError(f"a JPEG image has {scans} scans; expected at most {MAX_SCANS}")
            return size, position
        position += 2 + length
    raise ImageError(f"a JPEG image of {len(data)} bytes has no complete header")


def _bmp_size(head: bytes) -> tuple[int, int]:
    (header_bytes,) = struct.unpack_from("<I", head, 14)
    width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", head, 18)
    check_size(abs(height), abs(width))  # a negative height is a picture stored from the top
    return abs(height), abs(width)


def _webp_size(head: bytes) -> tuple[int, int]:
    kind = head[12:16]
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", head, 24)
        width, height = 1 + low_width + (high_width << 16), 1 + low_height + (high_height << 16)
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", head, 26))
    else:
        raise ImageError(f"a WebP image starts with a chunk {kind!r}; expected VP8, VP8L or VP8X")
    check_size(height, width)
    return height, width


def _tiff_size(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Read the first directory (TIFF 6.0, section 2, and BigTIFF); tiles and strips must be in bounds too."""
    tags = _tiff_tags(data)
    height, width = tags.get(257, 0), tags.get(256, 0)
    channels, bits = tags.get(277, 1), tags.get(258, 1)
    check_size(height, width)
    if not 1 <= channels <= 4 or height * width * channels * bits > 64 * MAX_PIXELS:
        raise ImageError(f"a TIFF image of {width}x{height} has {channels} samples of {bits} bits: too much")
    if 322 in tags or 323 in tags:
        check_size(tags.get(323, 0), tags.get(322, 0))
    return height, width


def _tiff_tags(data: NDArray[np.uint8]) -> dict[int, int]:
    """Return the first value of every tag with integer values; the largest where a tag is repeated.

    Decoders differ in which of several they take, and take signed values where the standard has none.
    """
    head = data[:16].tobytes()
    order, big = ("<" if head[:1] == b"I" else ">"), 43 in head[2:4]
    kinds = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}
    (offset,) = struct.unpack_from(f"{order}Q", head, 8) if big else struct.unpack_from(f"{order}I", head, 4)
    count_kind, entry_bytes, value_at = ("Q", 20, 12) if big else ("H", 12, 8)
    count_bytes = struct.calcsize(f"={count_kind}")
    (count,) = struct.unpack(f"{order}{count_kind}", _slice(data, offset, count_bytes))
    if count > _MAX_TIFF_ENTRIES:
        raise ImageError(f"a TIFF image has {count} fields; expected at most {_MAX_TIFF_ENTRIES}")
    tags: dict[int, int] = {}
    for index in range(count):
        entry = _slice(data, offset + count_bytes + index * entry_bytes, entry_bytes)
        tag, kind = struct.unpack_from(f"{order}HH", entry)
        (values,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", entry, 4)
        if kind not in kinds:
            continue
        size = struct.calcsize(f"={kinds[kind]}")
        if size * values <= entry_bytes - value_at:
            field = entry[value_at : value_at + size]
        else:  # the values lie elsewhere, the entry holds where
            (place,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", entry, value_at)
            field = _slice(data, place, size)
        tags[tag] = max(tags.get(tag, 0), struct.unpack(f"{order}{kinds[kind]}", field)[0])
    return tags


def _slice(data: NDArray[np.uint8], start: int, size: int) -> bytes:
    if start + size > data.size:
        raise ImageError(f"a TIFF image of {data.size} bytes refers to byte {start + size}")
    return data[start : start + size].tobytes()
