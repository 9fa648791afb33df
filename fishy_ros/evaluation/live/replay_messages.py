"""Read what a detector node publishes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from fishy_ros.errors import ImageError
from fishy_ros.types import LabelMap, ScoreMap


def score_of(message: Image) -> ScoreMap:
    """Return the score map in a 32FC1 image, float32 `[h, w]`, a view of the message where that is possible.

    Raises:
        ImageError: the message is no 32FC1 image, or contradicts its own size.
    """
    rows = _rows_of(message, "heatmap", "32FC1", 4)
    return np.ascontiguousarray(rows).view(">f4" if message.is_bigendian else "<f4")


def classes_of(message: Image) -> LabelMap:
    """Return the train ids in a mono8 image, uint8 `[h, w]`, a view of the message where that is possible.

    Raises:
        ImageError: the message is not a mono8 image, or contradicts its own size.
    """
    return _rows_of(message, "segmentation", "mono8", 1)


def stages_of(message: DiagnosticArray) -> Mapping[str, float]:
    """Return the latency by stage in ms; what is not a finite number is left out."""
    stages = {}
    for status in message.status:
        for pair in status.values:
            try:
                value = float(pair.value)
            except ValueError:
                continue
            if np.isfinite(value):
                stages[pair.key.removesuffix("_ms")] = value
    return stages


def stamp_of(message: Image | DiagnosticArray) -> int:
    """Return the stamp of a message's header in ns."""
    stamp = message.header.stamp
    return int(stamp.sec * 1_000_000_000 + stamp.nanosec)


def _rows_of(message: Image, what: str, encoding: str, pixel_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes of the pixels, `[h, w * pixel_bytes]`, without what fills up the rows."""
    height, width, step, size = message.height, message.width, message.step, len(message.data)
    if message.encoding != encoding:
        raise ImageError(f"a {what} has the encoding {message.encoding!r}, expected {encoding!r}")
    if step < pixel_bytes * width or size != step * height:
        raise ImageError(f"a {what} of {height}x{width} has step {step} and {size} bytes")
    return np.asarray(np.frombuffer(message.data, np.uint8).reshape(height, step)[:, : pixel_bytes * width])
