"""Bring a heatmap or a map of classes to another size."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ImageError
from fishy_ros.imaging.limits import check_size
from fishy_ros.types import LabelMap, ScoreMap


def resize_score(score: ScoreMap, height: int, width: int) -> ScoreMap:
    """Resize a score map bilinearly, aligned at pixel edges as OpenCV's `INTER_LINEAR` does.

    Values stay within the range of `score`. A map of the right size is returned as it is.

    Args:
        score: float32 `[h, w]`.
        height: rows of the result, in px.
        width: columns of the result, in px.

    Raises:
        ImageError: `score` is not a two-dimensional map, or the size is out of bounds.
    """
    if _has_size("a score map", score, height, width):
        return score
    return np.asarray(cv2.resize(score, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def resize_classes(classes: LabelMap, height: int, width: int) -> LabelMap:
    """Resize a map of classes by taking the nearest pixel; no class appears that is not in it.

    Args:
        classes: uint8 `[h, w]`.
        height: rows of the result, in px.
        width: columns of the result, in px.

    Raises:
        ImageError: `classes` is not a two-dimensional map, or the size is out of bounds.
    """
    if _has_size("a map of classes", classes, height, width):
        return classes
    return np.asarray(cv2.resize(classes, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _has_size(what: str, values: NDArray[Any], height: int, width: int) -> bool:
    """Say whether a map has the size that is asked for; check both where it has not."""
    if values.ndim != 2:
        raise ImageError(f"{what} has shape {values.shape}; expected [h, w]")
    if values.shape == (height, width):
        return True
    check_size(height, width)
    return False
