"""Whether things are where they normally are: the road below, the sky above.

Upright or upside down is a question with two answers, so the statistic is the log-likelihood ratio of the two (Neyman
and Pearson): the mean over pixels of the logarithm of how much more often, in normal images, a pixel of that class
and of that brightness lies in this half of the image than in the same images upside down, in nats a pixel. What the
network makes of an image that is upside down is measured, because it knows where roads are and sees them there.
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
HALVES = 2
_NOISE = 4
"""Grey levels added to the deviation, so that the noise of a plain image is no structure."""


def half_histogram(image: ImageArray, labels: LabelMap) -> NDArray[np.float64]:
    """Return the share of pixels of each class and level in the upper and the lower half, `[256, levels, 2]`.

    Takes uint8 `[h, w, 3]` and class ids of the same size, h being even.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)
    level = np.searchsorted(LEVEL_EDGES, (grey - grey.mean()) / (grey.std() + _NOISE))
    half = np.arange(len(grey))[:, None] * HALVES // len(grey)
    cells = (labels.astype(np.intp) * LEVELS + level) * HALVES + half
    counts = np.bincount(cells.ravel(), minlength=MAX_CLASSES * LEVELS * HALVES)
    shares: NDArray[np.float64] = counts.reshape(MAX_CLASSES, LEVELS, HALVES) / cells.size
    return shares


def log_ratios(upright: NDArray[np.float64], turned: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the logarithm of each cell of upright images against that of turned ones, for mean histograms."""
    return np.asarray(logarithms(upright) - logarithms(turned), np.float32)


def to_rows(ratios: NDArray[np.float32]) -> dict[int, tuple[float, ...]]:
    """Put the classes that occur into the form of a `Baseline`."""
    return class_rows.to_rows(ratios.reshape(MAX_CLASSES, -1))


def from_rows(rows: Mapping[int, tuple[float, ...]]) -> NDArray[np.float32] | None:
    """Undo `to_rows`; None where there are no rows, or rows of another length."""
    values = class_rows.from_rows(rows, LEVELS * HALVES)
    return None if values is None else values.reshape(MAX_CLASSES, LEVELS, HALVES)


def orientation_ratio(histogram: NDArray[np.float64], ratios: NDArray[np.float32]) -> float:
    """Return the log-likelihood ratio of upright and upside down of an image's histogram, in nats a pixel."""
    return float(np.sum(histogram * ratios))
