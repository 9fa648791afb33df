"""Decode picture files to the samples that they store, as label maps need them."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fishy_ros.errors import ImageError
from fishy_ros.imaging.file_headers import JPEG_START, PNG_SIGNATURE, picture_size
from fishy_ros.imaging.limits import check_decoded
from fishy_ros.imaging.picture_files import decode_picture

_TIFF_BITS, _TIFF_SUBFILE, _REDUCED = 258, 254, 1
_TIFF_LOSSY = frozenset({"jpeg", "tiff_jpeg", "webp"})
"""Compressions of a TIFF file that change samples, as Pillow calls them."""
_LOSSY = "it is compressed with loss, which changes the samples; expected a PNG"


def decode_samples(content: bytes) -> NDArray[Any]:
    """Decode a PNG, TIFF, BMP or lossless WebP file to its stored samples.

    OpenCV spreads grey levels of 1, 2 and 4 bit over 0 to 255 and replaces palette indices by their colors; both
    change what a label means. Pillow keeps them, and what OpenCV leaves alone is left to it.

    Returns:
        `[H, W]`, or `[H, W, C]` in the order of OpenCV; grey levels of fewer than 8 bit and palette indices as uint8.

    Raises:
        ImageError: it is none of these, damaged, out of bounds, compressed with loss, or holds several pictures.
    """
    data = np.frombuffer(content, np.uint8)
    height, width = picture_size(data)
    if content.startswith(JPEG_START) or _is_lossy_webp(content):
        raise ImageError(_LOSSY)
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if _has_more_pictures(picture):
                raise ImageError("it holds several pictures; expected one")
            picture.seek(0)
            if picture.format == "TIFF" and picture.info.get("compression") in _TIFF_LOSSY:
                raise ImageError(_LOSSY)
            stored = _narrow_samples(picture, content)
    except ImageError:
        raise
    except Exception as error:  # the readers of Pillow raise half a dozen kinds
        raise ImageError(f"a picture of {width}x{height} cannot be decoded: {error}") from error
    if stored is None:
        return decode_picture(content, cv2.IMREAD_UNCHANGED)
    check_decoded(stored, height, width)
    return stored


def _narrow_samples(picture: Image.Image, content: bytes) -> NDArray[np.uint8] | None:
    """Return the samples of a picture with a palette or fewer than 8 bits; None for any other."""
    if picture.mode in {"1", "P"}:
        return np.array(picture, np.uint8)
    if picture.mode != "L":
        return None
    bits = _grey_bits(picture, content)
    if bits >= 8:
        return None
    highest = (1 << bits) - 1  # Pillow has spread 0 to `highest` over 0 to 255
    return np.asarray(np.array(picture, np.uint16) * highest // 255, np.uint8)


def _grey_bits(picture: Image.Image, content: bytes) -> int:
    if content.startswith(PNG_SIGNATURE):
        return content[24]
    if picture.format == "TIFF":
        return int(picture.tag_v2.get(_TIFF_BITS, (1,))[0])  # type: ignore[attr-defined]
    return 8


def _has_more_pictures(picture: Image.Image) -> bool:
    """Tell whether there is a second picture that is no smaller copy of the first, such as a page of a TIFF."""
    try:
        picture.seek(1)
    except EOFError:
        return False
    tags = getattr(picture, "tag_v2", {})
    return not int(tags.get(_TIFF_SUBFILE, 0)) & _REDUCED


def _is_lossy_webp(content: bytes) -> bool:
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return False
    position = 12
    while position + 8 <= len(content):
        kind, size = content[position : position + 4], int.from_bytes(content[position + 4 : position + 8], "little")
        if kind in {b"VP8 ", b"VP8L"}:
            return kind == b"VP8 "
        position += 8 + size + size % 2
    return False
