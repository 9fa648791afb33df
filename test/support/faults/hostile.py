"""Messages that no honest camera sends, in serialised form."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from support.faults.camera import SECOND

_CDR = b"\0\1\0\0"
AHEAD_NS = 2_000_000_000 * SECOND
"""A stamp that is newer than any other, so that no message is dropped merely for its age."""
_FIELDS = (24, 28, 32, 36, 44, 48)
"""Where height, width, length of the encoding, encoding, step and length of the data lie, in bytes."""
_EXTREMES = (0, 2**31 - 1, 2**31, 2**32 - 1)
_BLOCK = 2**20
"""Zeros that are compressed at a time, in bytes."""


def raw_image(
    height: int, width: int, step: int, data: bytes, encoding: str = "bgr8", stamp_ns: int = AHEAD_NS
) -> bytes:
    """Serialise an image whose fields need not agree."""
    message = Image(header=_header(stamp_ns), height=height, width=width, encoding=encoding, step=step)
    message.data.frombytes(data)
    return bytes(serialize_message(message))


def compressed_image(data: bytes, stamp_ns: int = AHEAD_NS) -> bytes:
    """Serialise a compressed image with any content."""
    message = CompressedImage(header=_header(stamp_ns), format="jpeg")
    message.data.frombytes(data)
    return bytes(serialize_message(message))


def random_cdr(count: int, seed: int = 0, largest: int = 400) -> Iterator[bytes]:
    """Yield up to `largest` random bytes behind a valid CDR header."""
    random = np.random.default_rng(seed)
    return (_CDR + random.bytes(int(random.integers(0, largest))) for _ in range(count))


def torn(message: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield the beginnings of a message, at least 4 bytes short: DDS fills the last word up, which would repair it."""
    random = np.random.default_rng(seed)
    return (message[: int(random.integers(0, len(message) - 3))] for _ in range(count))


def damaged(message: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield copies of a bgr8 image from the frame "camera" in which one field has an impossible value."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        at = int(random.choice(_FIELDS))
        yield message[:at] + struct.pack("<I", random.choice(_EXTREMES)) + message[at + 4 :]


def jpeg_that_claims(height: int, width: int) -> bytes:
    """Encode a JPEG of 16 x 16 and write another size into its header."""
    data = cv2.imencode(".jpg", np.full((16, 16, 3), 90, np.uint8))[1].tobytes()
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def png_bomb(side: int) -> bytes:
    """Build a black PNG of `side` x `side`, whose pixels take a thousand times its bytes.

    Its bytes repeat themselves: a block of zeros is compressed once, which takes no time however large the picture is.
    """
    zeros = side * (side + 1)  # every row begins with the number of its filter
    blocks, rest = divmod(zeros, _BLOCK)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = deflate.compress(bytes(_BLOCK)) + deflate.flush(zlib.Z_FULL_FLUSH)
    end = deflate.compress(bytes(rest)) + deflate.flush()
    checksum = struct.pack(">HH", zeros % 65521, 1)  # Adler-32 of zeros
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)  # 8 bits, gray
    parts = [(b"IHDR", header), (b"IDAT", b"\x78\xda" + start * blocks + end + checksum), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, data) for name, data in parts)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _header(stamp_ns: int) -> Header:
    header = Header(frame_id="camera")
    header.stamp.sec, header.stamp.nanosec = divmod(stamp_ns, SECOND)
    return header
