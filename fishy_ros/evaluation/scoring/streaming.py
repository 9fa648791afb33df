"""Accuracy and latency in one number: at every moment with ground truth, the newest heatmap published by then.

Li et al., "Towards Streaming Perception", ECCV 2020, section 3: the world does not wait for the network, so the truth
of time t is compared with the newest output that was there at time t. A detector that takes one frame is scored with
heatmaps that are one frame old; one that drops frames with older ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.imaging import resize_score
from fishy_ros.metrics.pixel import PixelAccumulator, PixelMetrics
from fishy_ros.types import LabelMap, ScoreMap


@dataclass(frozen=True)
class StreamingScores:
    """Streaming accuracy of a drive in real time; fractions of 1."""

    ap: float
    fpr95: float
    auroc: float
    plain_ap: float
    """AP of the same frames, each with its own heatmap, however late it came."""
    frames: int
    """Labelled frames that could be scored."""
    without: int
    """Labelled frames before the first heatmap: nothing was known yet."""
    mean_age_ms: float
    """How old the heatmap was at the moment it was compared, from the stamp of its image."""
    max_age_ms: float


class StreamingScorer:
    """Score frames against the newest heatmap of their time.

    Args:
        taken_s: when each frame was taken, in s, rising, `[N]`.
        arrived_s: when its heatmap was published, in s, NaN where there was none, `[N]`.
        read: gives the heatmap of a frame by its number.
    """

    def __init__(self, taken_s: Sequence[float], arrived_s: Sequence[float], read: Callable[[int], ScoreMap]) -> None:
        self._taken = np.array(taken_s, np.float64)
        self._newest = newest_by_then(self._taken, np.array(arrived_s, np.float64))
        self._has_own = np.isfinite(np.array(arrived_s, np.float64))
        self._read = read
        self._streaming, self._plain = PixelAccumulator(), PixelAccumulator()
        self._ages: list[float] = []
        self._without = 0

    def add(self, index: int, labels: LabelMap, frame: str) -> None:
        """Score frame `index`, uint8 `[H, W]` with `NORMAL`, `ANOMALY` and `IGNORED`.

        Raises:
            ScoreError: the heatmap cannot be scored.
        """
        newest = int(self._newest[index])
        if newest < 0:
            self._without += 1
            return
        self._streaming.update(resize_score(self._read(newest), *labels.shape), labels, frame)
        self._ages.append(float(self._taken[index] - self._taken[newest]) * 1e3)
        if self._has_own[index]:
            self._plain.update(resize_score(self._read(index), *labels.shape), labels, frame)

    def compute(self) -> StreamingScores | None:
        """Evaluate all frames so far; None without pixels of both kinds."""
        streaming, plain = _metrics(self._streaming), _metrics(self._plain)
        if streaming is None:
            return None
        return StreamingScores(
            ap=streaming.ap,
            fpr95=streaming.fpr95,
            auroc=streaming.auroc,
            plain_ap=plain.ap if plain is not None else float("nan"),
            frames=len(self._ages),
            without=self._without,
            mean_age_ms=float(np.mean(self._ages)),
            max_age_ms=float(np.max(self._ages)),
        )


def newest_by_then(taken_s: NDArray[np.float64], arrived_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for every moment of `taken_s` the number of the newest frame whose heatmap had arrived, -1 for none.

    >>> newest_by_then(np.array([0.0, 0.1, 0.2, 0.3]), np.array([0.05, np.nan, 0.31, 0.35])).tolist()
    [-1, 0, 0, 0]
    """
    arrivals = np.where(np.isfinite(arrived_s), arrived_s, np.inf)
    order = np.argsort(arrivals, kind="stable")
    newest = np.maximum.accumulate(np.where(np.isfinite(arrivals[order]), order, -1))
    count = np.searchsorted(arrivals[order], taken_s, side="right")
    return np.where(count > 0, newest[np.maximum(count - 1, 0)], -1).astype(np.int64)


def _metrics(pixels: PixelAccumulator) -> PixelMetrics | None:
    if not (pixels.positives.total and pixels.negatives.total):
        return None
    return pixels.compute()
