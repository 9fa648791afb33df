"""The distribution of a tensor's values over many images, and the range that rounds it to 8 bits with least error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_HALF = 2048
"""Bins on either side of zero."""
_FRACTIONS: tuple[float, ...] = tuple(np.linspace(0.2, 1.0, 33).tolist())
"""Parts of the full range that are tried."""
LEVELS = 255
"""Steps between the smallest and the largest value of 8 bits."""


class Histogram:
    """Counts of values other than zero in equal bins, which double in width whenever a value falls outside.

    >>> histogram = Histogram()
    >>> histogram.add(np.array([0.0, 3.0, -0.5]))
    >>> histogram.low, histogram.high
    (-0.5, 3.0)
    """

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(2 * _HALF, np.int64)
        self._limit = 2.0**-10
        self.low = 0.0
        """Smallest value so far, at most 0."""
        self.high = 0.0
        """Largest value so far, at least 0."""

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        """Count values of any shape; they must be finite."""
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        while max(-self.low, self.high) >= self._limit:
            folded = self._counts.reshape(-1, 2).sum(axis=1)
            self._counts = np.pad(folded, _HALF // 2)
            self._limit *= 2
        # Zero is always rounded exactly, and after a ReLU it is the most frequent value.
        self._counts += np.histogram(values[values != 0], 2 * _HALF, (-self._limit, self._limit))[0]

    def best_range(self, symmetric: bool) -> tuple[float, float]:
        """Return the range (low, high) with the least squared error of rounding within it and clipping outside it.

        `symmetric` spends as many levels below zero as above, whatever the values.
        """
        tried = [(part * self.low, part * self.high) for part in _FRACTIONS]
        return min(tried, key=lambda bounds: self._error(bounds[0], bounds[1], symmetric))

    def _error(self, low: float, high: float, symmetric: bool) -> float:
        centres = (np.arange(2 * _HALF) + 0.5 - _HALF) * (self._limit / _HALF)
        width = 2 * max(-low, high) if symmetric else high - low
        beyond = np.maximum(0, np.maximum(low - centres, centres - high))
        inside = self._counts[beyond == 0].sum()
        return float((self._counts * beyond**2).sum() + inside * (width / LEVELS) ** 2 / 12)
