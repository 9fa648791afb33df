"""Read what a detector node publishes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image

from fishy_ros.errors import ImageError
from fishy_ros.types import LabelMap, ScoreMap


def score_of(message: Image) -> ScoreMap:
    """Return the score map in a 32FC1 image, float32 `[h, w]`, a view of the message where that is possible.

    Raises:
        ImageError: the message is no 32FC1 image, or contradicts its own size.
    """
    if message.encoding != "32FC1":
        raise ImageError(f"a heatmap has the encoding {message.encoding!r}, expected '32FC1'")
    if message.step < 4 * message.width or len(message.data) != message.step * message.height:
        raise ImageError(
            f"a heatmap of {message.height}x{message.width} has step {message.step} and {len(message.data)} bytes"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)[:, : 4 * message.width]
    return np.ascontiguousarray(rows).view(">f4" if message.is_bigendian else "<f4")


def classes_of(message: Image) -> LabelMap:
    """Return the train ids in a mono8 image, uint8 `[h, w]`, a view of the message where that is possible.

    Raises:
        ImageError: the message is not a mono8 image, or contradicts its own size.
    """
    if message.encoding != "mono8":
        raise ImageError(f"a segmentation has the encoding {message.encoding!r}, expected 'mono8'")
    if message.step < message.width or len(message.data) != message.step * message.height:
        raise ImageError(
            f"a segmentation of {message.height}x{message.width} has step {message.step} and {len(message.data)} bytes"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    return np.asarray(rows[:, : message.width])


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
