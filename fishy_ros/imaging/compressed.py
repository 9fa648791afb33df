"""Decode compressed camera images, whose size is read from their header before a decoder may allocate for it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ImageError
from fishy_ros.imaging.compressed_format import ChannelOrder, CompressedFormat, parse_format
from fishy_ros.imaging.encodings import to_bgr
from fishy_ros.imaging.file_headers import JPEG_START, PNG_SIGNATURE, jpeg_size, picture_size, png_size
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


def compressed_size(data: NDArray[np.uint8], image_format: str = "") -> tuple[int, int]:
    """Read height and width, in px, from the header of a whole JPEG, PNG, TIFF, WebP or BMP file.

    `image_format` is the `format` of the message, for the error.

    Raises:
        ImageError: `data` is none of these, is cut off, or its size is out of bounds.
    """
    head = bytes(data[:26])
    if head.startswith(PNG_SIGNATURE):
        return png_size(data)
    if head.startswith(JPEG_START):
        return _jpeg_size(data.tobytes())
    if head.startswith((b"II", b"MM", b"BM")) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return picture_size(data)
    raise ImageError(_no_picture(data, parse_format(image_format)))


def decode_compressed(
    data: NDArray[np.uint8],
    at_least: tuple[int, int] | None = None,
    image_format: str = "",
    channel_order: ChannelOrder = "auto",
) -> ImageArray:
    """Decode a JPEG, PNG, TIFF, WebP or BMP file to BGR, in the orientation in which its pixels are stored.

    Of a TIFF with several pages and an animated WebP the first picture is taken.

    Args:
        data: the file, uint8 `[N]`.
        at_least: height and width, in px, that are enough for the caller. A JPEG is then decoded at 1/2,
            1/4 or 1/8 of its size if the result is still as large as this, which is faster.
        image_format: the `format` of the message. A picture with one channel that it calls a Bayer mosaic is
            demosaiced.
        channel_order: whose word counts for the order of red and blue, see `CompressedFormat.swaps_channels`.

    Returns:
        uint8 `[H, W, 3]`.

    Raises:
        ImageError: `data` is none of these, holds distances instead of a picture, is damaged, or its size is out of
            bounds.
    """
    height, width = compressed_size(data, image_format)
    _check_density(data, height, width)
    described = parse_format(image_format)
    if described.bayer:
        mosaic = _mosaic_of(_decode(data, cv2.IMREAD_UNCHANGED, height, width, described), described)
        if mosaic is not None:
            return _demosaic(mosaic, described)
    divisor = _divisor(data, height, width, at_least)
    image = _decode(data, _MODES[divisor], -(-height // divisor), -(-width // divisor), described)
    if image.dtype != np.uint8:
        raise ImageError(
            f"a compressed image of {width}x{height} holds {image.dtype} samples (format {image_format[:60]!r}); "
            "expected 8 or 16 bit, as cameras have"
        )
    if described.swaps_channels(channel_order):
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return np.asarray(image, np.uint8)


def _decode(data: NDArray[np.uint8], mode: int, height: int, width: int, described: CompressedFormat) -> NDArray[Any]:
    name = f"a compressed image of {width}x{height} with format {described.text[:60]!r}"
    try:
        image = cv2.imdecode(data, mode | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise ImageError(f"{name} cannot be decoded: {error.err}") from error
    if image is None:
        raise ImageError(f"{name} ({data.size} bytes) is damaged, or holds samples that no camera has")
    check_decoded(image, height, width)
    return image


def _mosaic_of(picture: NDArray[Any], described: CompressedFormat) -> NDArray[Any] | None:
    """Return the samples of a Bayer mosaic, `[H, W]`; None for a picture that the camera has demosaiced already."""
    if picture.ndim == 2:
        return picture
    if described.has_color_target:
        return None
    # A mosaic that was stored as grey in three channels.
    is_grey = np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 0], picture[..., 2])
    return np.ascontiguousarray(picture[..., 0]) if is_grey else None


def _demosaic(mosaic: NDArray[Any], described: CompressedFormat) -> ImageArray:
    if mosaic.dtype == np.uint16 and 8 < described.bayer_bits < 16:
        mosaic = mosaic << np.uint16(16 - described.bayer_bits)
    if mosaic.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"a Bayer mosaic of {mosaic.dtype} samples (format {described.text[:60]!r}); expected 8 or 16 bit"
        )
    samples = np.ascontiguousarray(mosaic, mosaic.dtype.newbyteorder("<"))
    height, width = samples.shape
    encoding = f"bayer_{described.bayer}{8 * samples.itemsize}"
    return to_bgr(samples.reshape(-1).view(np.uint8), encoding, height, width, width * samples.itemsize)


def _no_picture(data: NDArray[np.uint8], described: CompressedFormat) -> str:
    head = bytes(data[:8])
    name = f"a compressed image of {data.size} bytes with format {described.text[:60]!r}"
    if "compresseddepth" in described.text.lower():
        return f"{name} holds distances in the form of compressed_depth_image_transport, expected the image of a camera"
    hint = ""
    if head.startswith((b"\0\0\0\1", b"\0\0\1")):
        hint = "; this looks like a packet of a video stream, which has to be decoded to images first"
    return f"{name} is neither JPEG, PNG, TIFF, WebP nor BMP: it starts with {head!r}{hint}"


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
