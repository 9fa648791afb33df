"""Decode JPEG and PNG images, whose size is read from their header before a decoder may allocate for it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ImageError
from fishy_ros.imaging.file_headers import JPEG_START, PNG_SIGNATURE, jpeg_size, png_size
from fishy_ros.imaging.limits import check_decoded
from fishy_ros.types import ImageArray

_JPEG_END = b"\xff\xd9"
_MODES = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
"""OpenCV's modes by the divisor of the size."""


def compressed_size(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Read height and width, in px, from the header of a whole JPEG or PNG file.

    Raises:
        ImageError: `data` is neither, is cut off, or its size is out of bounds.
    """
    head = bytes(data[:26])
    if head.startswith(PNG_SIGNATURE):
        return png_size(data)
    if head.startswith(JPEG_START):
        return _jpeg_size(data.tobytes())
    raise ImageError(f"a compressed image of {data.size} bytes is neither JPEG nor PNG: it starts with {head[:8]!r}")


def decode_compressed(data: NDArray[np.uint8], at_least: tuple[int, int] | None = None) -> ImageArray:
    """Decode a JPEG or PNG file to BGR, in the orientation in which its pixels are stored.

    Args:
        data: the file, uint8 `[N]`.
        at_least: height and width, in px, that are enough for the caller. A JPEG is then decoded at 1/2,
            1/4 or 1/8 of its size if the result is still as large as this, which is faster.

    Returns:
        uint8 `[H, W, 3]`.

    Raises:
        ImageError: `data` is neither JPEG nor PNG, is damaged, or its size is out of bounds.
    """
    height, width = compressed_size(data)
    _check_density(data, height, width)
    divisor = _divisor(data, height, width, at_least)
    try:
        image = cv2.imdecode(data, _MODES[divisor] | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise ImageError(f"a compressed image of {width}x{height} cannot be decoded: {error.err}") from error
    if image is None:
        raise ImageError(f"a compressed image of {width}x{height} ({data.size} bytes) is damaged")
    check_decoded(image, -(-height // divisor), -(-width // divisor))
    return np.asarray(image, np.uint8)


def _check_density(data: NDArray[np.uint8], height: int, width: int) -> None:
    """Refuse a JPEG that is too small for its blocks: every block of 8x8 px has a coefficient of at least one bit.

    The decoder would fill what is missing with grey, and say nothing.
    """
    if data[0] != JPEG_START[0]:
        return
    blocks = -(-height // 8) * -(-width // 8)
    if 8 * data.size < blocks:
        raise ImageError(f"a JPEG image of {data.size} bytes cannot hold {width}x{height} pixels")


def _divisor(data: NDArray[np.uint8], height: int, width: int, at_least: tuple[int, int] | None) -> int:
    if at_least is None or data[0] != JPEG_START[0]:
        return 1
    fitting = [by for by in _MODES if height >= at_least[0] * by and width >= at_least[1] * by]
    return max(fitting, default=1)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    size, scan = jpeg_size(data)
    if data.find(_JPEG_END, scan) < 0:
        raise ImageError(f"a JPEG image of {len(data)} bytes is cut off")
    return size
