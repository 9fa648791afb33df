"""Whether things are where they ordinarily are: the road below, the sky above.

The mean over pixels of the logarithm of how much more often ordinary pixels of that class and of that brightness lie in
this half of the image than in the other is the log-likelihood ratio of an upright image and one that is upside down
(Neyman and Pearson), in nats a pixel. Brightness is relative to the image, and helps where the network, which
knows where roads are, takes a sky that is below for one.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.drift import class_rows
from fishy_ros.drift.class_rows import MAX_CLASSES, logarithms
from fishy_ros.types import ImageArray, LabelMap

LEVEL_EDGES = (-1.0, 0.0, 1.0)
"""Edges between levels of brightness, in standard deviations of the image from its mean."""
LEVELS = len(LEVEL_EDGES) + 1
_NOISE = 4
"""Grey levels added to the deviation, so that the noise of a plain image is no structure."""


def half_histogram(image: ImageArray, labels: LabelMap) -> NDArray[np.float64]:
    """Return the share of pixels of each class and level in the upper and the lower half, `[256, levels, 2]`.

    Takes uint8 `[h, w, 3]` and class ids of the same size, h being even.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)
    level = np.searchsorted(LEVEL_EDGES, (grey - grey.mean()) / (grey.std() + _NOISE))
    half = np.arange(len(grey))[:, None] * 2 // len(grey)
    cells = (labels.astype(np.intp) * LEVELS + level) * 2 + half
    counts = np.bincount(cells.ravel(), minlength=MAX_CLASSES * LEVELS * 2)
    shares: NDArray[np.float64] = counts.reshape(MAX_CLASSES, LEVELS, 2) / cells.size
    return shares


def log_ratios(histogram: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the logarithm of the upper half against the lower, `[256, levels]`, for a mean histogram."""
    shares = logarithms(histogram)
    return np.asarray(shares[..., 0] - shares[..., 1], np.float32)


def from_rows(rows: Mapping[int, tuple[float, ...]]) -> NDArray[np.float32] | None:
    """Undo `class_rows.to_rows`; None where there are no rows, or rows of another length."""
    return class_rows.from_rows(rows, LEVELS)


def uprightness(histogram: NDArray[np.float64], ratios: NDArray[np.float32]) -> float:
    """Return the log-likelihood ratio of upright and upside down of an image's histogram, in nats a pixel."""
    return float(np.sum((histogram[..., 0] - histogram[..., 1]) * ratios))
