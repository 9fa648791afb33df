"""Which of two channel orders the colors of an image speak for.

Each class has its colors: vegetation is greenish yellow, sky blue, rear lights red. The chromaticity of a pixel falls
into one of 9 x 5 cells; to exchange red and blue mirrors the cells. The mean over pixels of the logarithm of how much
more often normal pixels of that class lie in a cell than in its mirror image is the log-likelihood ratio of the two
orders (Neyman and Pearson), in nats a pixel: positive where red and blue are in their place.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fishy_ros.drift import class_rows
from fishy_ros.drift.class_rows import MAX_CLASSES, logarithms
from fishy_ros.types import ImageArray, LabelMap

RED_BLUE_EDGES = (-0.2, -0.1, -0.05, -0.02, 0.02, 0.05, 0.1, 0.2)
"""Edges of (R - B) / (R + G + B); symmetric, so that exchanging red and blue mirrors the intervals."""
GREEN_EDGES = (-0.08, -0.02, 0.02, 0.08)
"""Edges of (2 G - R - B) / (R + G + B)."""
ROWS, COLUMNS = len(GREEN_EDGES) + 1, len(RED_BLUE_EDGES) + 1
_GREY = 12
"""Added to R + G + B, so that the noise of dark pixels is no color."""


def color_cells(image: ImageArray, labels: LabelMap) -> NDArray[np.intp]:
    """Return the cell of each pixel, class id x row x column, for uint8 `[h, w, 3]` and class ids of the same size."""
    blue, green, red = (image[..., channel].astype(np.float32) for channel in range(3))
    total = blue + green + red + _GREY
    column = np.searchsorted(RED_BLUE_EDGES, (red - blue) / total)
    row = np.searchsorted(GREEN_EDGES, (2 * green - red - blue) / total)
    cells: NDArray[np.intp] = (labels.astype(np.intp) * ROWS + row) * COLUMNS + column
    return cells


def color_histogram(image: ImageArray, labels: LabelMap) -> NDArray[np.float64]:
    """Return the share of pixels in each cell, `[256, rows, columns]`."""
    cells = color_cells(image, labels).ravel()
    counts = np.bincount(cells, minlength=MAX_CLASSES * ROWS * COLUMNS)
    return counts.reshape(MAX_CLASSES, ROWS, COLUMNS) / cells.size


def log_ratios(histogram: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the logarithm of each cell against its mirror image, `[256, rows, columns]`, for a mean histogram."""
    shares = logarithms(histogram)
    return np.asarray(shares - shares[..., ::-1], np.float32)


def to_rows(ratios: NDArray[np.float32]) -> dict[int, tuple[float, ...]]:
    """Put the half that is not mirrored, of every class that occurs, into the form of a `Baseline`."""
    return class_rows.to_rows(ratios[..., COLUMNS // 2 + 1 :].reshape(MAX_CLASSES, -1))


def from_rows(rows: Mapping[int, tuple[float, ...]]) -> NDArray[np.float32] | None:
    """Undo `to_rows`; None where there are no rows, or rows of another length."""
    values = class_rows.from_rows(rows, ROWS * (COLUMNS // 2))
    if values is None:
        return None
    half = values.reshape(MAX_CLASSES, ROWS, COLUMNS // 2)
    ratios: NDArray[np.float32] = np.zeros((MAX_CLASSES, ROWS, COLUMNS), np.float32)
    ratios[..., COLUMNS // 2 + 1 :] = half
    ratios[..., : COLUMNS // 2] = -half[..., ::-1]
    return ratios


def color_order(image: ImageArray, labels: LabelMap, ratios: NDArray[np.float32]) -> float:
    """Return the log-likelihood ratio of the channel orders, in nats a pixel."""
    return float(ratios.ravel()[color_cells(image, labels)].mean())
