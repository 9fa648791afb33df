"""One row of logarithms for each class, as the statistics of classes keep them and a `Baseline` stores them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

MAX_CLASSES = 256
_HARDLY_EVER = 1e-4
"""Share of all pixels that is added to each cell: what was hardly ever seen speaks for nothing."""


def logarithms(histogram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural logarithms of the shares of a mean histogram."""
    return np.log(histogram + _HARDLY_EVER)


def to_rows(values: NDArray[np.float32]) -> dict[int, tuple[float, ...]]:
    """Put the classes that occur, of `[256, length]`, into the form of a `Baseline`."""
    occurring = np.flatnonzero(np.any(values != 0, axis=1))
    return {int(name): tuple(float(value) for value in values[name]) for name in occurring}


def from_rows(rows: Mapping[int, tuple[float, ...]], length: int) -> NDArray[np.float32] | None:
    """Undo `to_rows`; None where there are no rows, or rows of another length."""
    if not rows or any(len(row) != length for row in rows.values()):
        return None
    values: NDArray[np.float32] = np.zeros((MAX_CLASSES, length), np.float32)
    for name, row in rows.items():
        values[name] = row
    return values
