"""Depth images as REP 118 defines them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ImageError
from fishy_ros.imaging.limits import check_size

MILLIMETRES: frozenset[str] = frozenset({"16UC1", "mono16"})


def to_depth(
    data: NDArray[np.uint8], encoding: str, height: int, width: int, step: int, is_bigendian: bool = False
) -> NDArray[np.float32]:
    """Return the depths of an image message, float32 `[H, W]` in m; 0 and NaN are unknown.

    Args:
        data: bytes of the message, uint8 `[N]`.
        encoding: `16UC1` (mm) or `32FC1` (m).
        height: rows.
        width: columns.
        step: bytes of a row.
        is_bigendian: order of the bytes of a number.

    Raises:
        ImageError: the encoding is none of depth images, or the sizes contradict each other.
    """
    if encoding not in (*MILLIMETRES, "32FC1"):
        raise ImageError(f"a depth image has encoding {encoding!r}; expected 16UC1 (mm) or 32FC1 (m)")
    code = "u2" if encoding in MILLIMETRES else "f4"
    kind: np.dtype[np.generic] = np.dtype((">" if is_bigendian else "<") + code)
    check_size(height, width)
    if step < width * kind.itemsize or len(data) < step * height:
        raise ImageError(f"a depth image of {width}x{height} with step {step} does not fit {len(data)} bytes")
    rows = np.ascontiguousarray(data[: step * height].reshape(height, step)[:, : width * kind.itemsize])
    depth = rows.view(kind).astype(np.float32)
    return depth / np.float32(1000.0) if encoding in MILLIMETRES else depth
