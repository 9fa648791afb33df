"""Every pixel encoding that camera drivers publish, converted to BGR.

Names are those of `sensor_msgs/image_encodings.hpp`; conversions agree with `cv_bridge`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ImageError
from fishy_ros.imaging.limits import check_size
from fishy_ros.types import ImageArray


@dataclass(frozen=True)
class _Packed:
    """All channels of a pixel lie side by side."""

    channels: int
    sample_bytes: int = 1
    conversion: int | None = None
    """OpenCV's color conversion to BGR; None if the channels are in that order already."""
    block_width: int = 1
    """Pixels that share samples: the width is a multiple of it."""


@dataclass(frozen=True)
class _TwoPlanes:
    """A plane of luma, then a plane of interleaved chroma with the same row length in bytes."""

    chroma_shift: int
    """log2 of the chroma subsampling in both directions."""
    conversion: int | None = None


_LAYOUTS: dict[str, _Packed | _TwoPlanes] = {
    "bgr8": _Packed(3),
    "8UC3": _Packed(3),
    "rgb8": _Packed(3, conversion=cv2.COLOR_RGB2BGR),
    "bgra8": _Packed(4, conversion=cv2.COLOR_BGRA2BGR),
    "8UC4": _Packed(4, conversion=cv2.COLOR_BGRA2BGR),
    "rgba8": _Packed(4, conversion=cv2.COLOR_RGBA2BGR),
    "mono8": _Packed(1, conversion=cv2.COLOR_GRAY2BGR),
    "8UC1": _Packed(1, conversion=cv2.COLOR_GRAY2BGR),
    "bgr16": _Packed(3, 2),
    "16UC3": _Packed(3, 2),
    "rgb16": _Packed(3, 2, cv2.COLOR_RGB2BGR),
    "bgra16": _Packed(4, 2, cv2.COLOR_BGRA2BGR),
    "rgba16": _Packed(4, 2, cv2.COLOR_RGBA2BGR),
    "mono16": _Packed(1, 2, cv2.COLOR_GRAY2BGR),
    "16UC1": _Packed(1, 2, cv2.COLOR_GRAY2BGR),
    # OpenCV names a Bayer pattern by its second row's second and third pixel.
    "bayer_rggb8": _Packed(1, conversion=cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": _Packed(1, conversion=cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": _Packed(1, conversion=cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": _Packed(1, conversion=cv2.COLOR_BayerGB2BGR),
    "bayer_rggb16": _Packed(1, 2, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr16": _Packed(1, 2, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg16": _Packed(1, 2, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg16": _Packed(1, 2, cv2.COLOR_BayerGB2BGR),
    "yuv422": _Packed(2, conversion=cv2.COLOR_YUV2BGR_UYVY, block_width=2),
    "uyvy": _Packed(2, conversion=cv2.COLOR_YUV2BGR_UYVY, block_width=2),
    "yuv422_yuy2": _Packed(2, conversion=cv2.COLOR_YUV2BGR_YUY2, block_width=2),
    "yuyv": _Packed(2, conversion=cv2.COLOR_YUV2BGR_YUY2, block_width=2),
    "nv12": _TwoPlanes(1, cv2.COLOR_YUV2BGR_NV12),
    "nv21": _TwoPlanes(1, cv2.COLOR_YUV2BGR_NV21),
    "nv24": _TwoPlanes(0),
}

ENCODINGS: frozenset[str] = frozenset(_LAYOUTS)
"""Encodings that `to_bgr` accepts."""

_BY_LOWER_CASE = {name.lower(): layout for name, layout in _LAYOUTS.items()}
"""Some drivers write `RGB8`; nothing else can be meant."""

DEPTH_ENCODINGS: frozenset[str] = frozenset({"16UC1", "32FC1"})
"""Encodings in which depth cameras publish distances (REP 118). Some thermal cameras publish 16UC1 too, so it is read,
with a warning; a grey camera of 16 bit publishes mono16."""


def to_bgr(
    data: NDArray[np.uint8], encoding: str, height: int, width: int, step: int, is_bigendian: bool = False
) -> ImageArray:
    """Convert the bytes of one camera image to BGR.

    Samples of 16 bits are scaled by 255/65535 and rounded. `bgr8` is not copied: the result is then a
    view of `data`, without the padding at the end of the rows.

    Args:
        data: all bytes of the image, uint8 `[N]`.
        encoding: one of `ENCODINGS`.
        height: rows, in px.
        width: columns, in px.
        step: bytes a row, padding included.
        is_bigendian: whether 16-bit samples have their most significant byte first.

    Returns:
        uint8 `[height, width, 3]`.

    Raises:
        ImageError: the encoding is unknown, or the sizes contradict each other or exceed `MAX_PIXELS`.
    """
    layout = _LAYOUTS.get(encoding) or _BY_LOWER_CASE.get(encoding.strip().lower())
    if layout is None:
        raise ImageError(f"unknown image encoding {encoding[:40]!r}; known are {', '.join(sorted(ENCODINGS))}")
    check_size(height, width)
    raw = _RawImage(data, encoding, height, width, step, is_bigendian)
    try:
        return _two_planes_to_bgr(raw, layout) if isinstance(layout, _TwoPlanes) else _packed_to_bgr(raw, layout)
    except cv2.error as error:
        raise ImageError(f"{raw} cannot be converted: {error.err}") from error


@dataclass(frozen=True)
class _RawImage:
    data: NDArray[np.uint8]
    encoding: str
    height: int
    width: int
    step: int
    is_bigendian: bool

    def __str__(self) -> str:
        return f"a {self.encoding} image of {self.width}x{self.height} with step {self.step}"

    def check(self, row_bytes: int, total_rows: int, block_height: int, block_width: int) -> None:
        if self.height % block_height or self.width % block_width:
            raise ImageError(f"{self}: expected multiples of {block_width}x{block_height} px")
        if self.step < row_bytes:
            raise ImageError(f"{self}: expected at least {row_bytes} bytes a row")
        if self.data.size != total_rows * self.step:
            raise ImageError(f"{self} has {self.data.size} bytes; expected {total_rows * self.step}")


def _packed_to_bgr(raw: _RawImage, layout: _Packed) -> ImageArray:
    row_bytes = raw.width * layout.channels * layout.sample_bytes
    raw.check(row_bytes, raw.height, 1, layout.block_width)
    rows = raw.data.reshape(raw.height, raw.step)[:, :row_bytes]
    shape = (raw.height, raw.width, layout.channels)
    if layout.sample_bytes == 1:
        image = rows.reshape(shape)
        return image if layout.conversion is None else np.asarray(cv2.cvtColor(image, layout.conversion), np.uint8)
    samples = np.ascontiguousarray(rows).view(">u2" if raw.is_bigendian else "<u2").astype(np.uint16, copy=False)
    wide: NDArray[np.uint16] = samples.reshape(shape)
    if layout.conversion is not None:
        wide = np.asarray(cv2.cvtColor(wide, layout.conversion), np.uint16)
    return np.asarray(cv2.convertScaleAbs(wide, alpha=255.0 / 65535.0), np.uint8)


def _two_planes_to_bgr(raw: _RawImage, layout: _TwoPlanes) -> ImageArray:
    block = 1 << layout.chroma_shift
    chroma_height, chroma_width = raw.height // block, raw.width // block
    raw.check(raw.width, raw.height + 2 * raw.height // block**2, block, block)
    luma = raw.data[: raw.height * raw.step].reshape(raw.height, raw.step)[:, : raw.width]
    chroma_rows = raw.data[raw.height * raw.step :].reshape(chroma_height, 2 * raw.step // block)
    chroma = chroma_rows[:, : 2 * chroma_width].reshape(chroma_height, chroma_width, 2)
    if layout.conversion is not None:
        return np.asarray(cv2.cvtColorTwoPlane(luma, chroma, layout.conversion), np.uint8)
    return np.asarray(cv2.transform(np.dstack((luma, chroma)), _YUV_TO_BGR), np.uint8)


_YUV_TO_BGR: NDArray[np.float64] = np.array(
    [
        [1.164383, 2.017232, 0.0, -1.164383 * 16 - 2.017232 * 128],
        [1.164383, -0.391762, -0.812968, -1.164383 * 16 + (0.391762 + 0.812968) * 128],
        [1.164383, 0.0, 1.596027, -1.164383 * 16 - 1.596027 * 128],
    ]
)
"""ITU-R BT.601, luma in [16, 235] and chroma in [16, 240], to full-range BGR; the last column is an offset."""
