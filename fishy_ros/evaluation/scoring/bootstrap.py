"""How much metrics would differ on other frames of the same kind: the bootstrap over frames.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile intervals). Frames, not
pixels, are drawn with replacement, because pixels of a frame are not independent. Metrics of a sample come from
the per-frame counts in bins, so they are not exact; the intervals are far wider than that error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.evaluation.scoring.frame_bins import FrameBins

METRICS: tuple[str, ...] = ("AP", "FPR95", "AUROC")
"""What is computed for every sample, in this order."""

_BLOCK_BYTES = 1 << 20
"""Memory of the draws that are made at once; those of 1000 samples of a long drive would be gigabytes."""


@dataclass(frozen=True)
class Interval:
    """A central interval of a metric, fractions of 1."""

    low: float
    high: float


def draw_frames(frames: int, samples: int = 1000, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Draw how often each frame stands in each sample: blocks of `[samples, frames]`, rows sum to `frames`."""
    generator, chances = np.random.default_rng(seed), np.full(frames, 1 / frames)
    block = max(1, _BLOCK_BYTES // (8 * frames))
    for start in range(0, samples, block):
        yield generator.multinomial(frames, chances, size=min(block, samples - start))


def resample(bins: FrameBins, draws: Iterable[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Compute `METRICS` of every sample: `[samples, 3]`; NaN where a sample lacks anomalous or normal pixels.

    Args:
        bins: the counts of F frames.
        draws: blocks of `[samples, F]`, from `draw_frames`.
    """
    positives, negatives = bins.positives.astype(np.float64), bins.negatives.astype(np.float64)
    return np.concatenate([_binned_metrics(block @ positives, block @ negatives) for block in draws])


def intervals(samples: NDArray[np.float64], level: float = 0.95) -> dict[str, Interval]:
    """Return the central interval of every metric that at least one sample has."""
    found = {}
    for column, name in enumerate(METRICS):
        values = samples[:, column]
        values = values[np.isfinite(values)]
        if values.size:
            low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
            found[name] = Interval(float(low), float(high))
    return found


def metric_intervals(bins: FrameBins) -> dict[str, Interval]:
    """Return 95 % intervals of AP, FPR95 and AUROC; empty with fewer than two frames."""
    if len(bins.frames) < 2:
        return {}
    return intervals(resample(bins, draw_frames(len(bins.frames))))


def _binned_metrics(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute metrics of `[S, B]` counts, highest scores first, taking scores within a bin as equal.

    Equal scores pass a threshold together: precision and FPR95 are those at the end of a bin, as in the exact metrics.
    """
    tp, fp = np.cumsum(positives, axis=1), np.cumsum(negatives, axis=1)
    total_p, total_n = tp[:, -1:], fp[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(positives > 0, tp / (tp + fp), 0.0)
        ap = (positives * precision).sum(axis=1) / total_p[:, 0]
        auroc = (positives * (total_n - fp + negatives / 2)).sum(axis=1) / total_p[:, 0] / total_n[:, 0]
        reached = np.argmax(tp >= 0.95 * total_p, axis=1)
        fpr = fp[np.arange(len(fp)), reached] / total_n[:, 0]
    valid = (total_p[:, 0] > 0) & (total_n[:, 0] > 0)
    return np.where(valid[:, None], np.stack([ap, fpr, auroc], axis=1), np.nan)
