"""How often each score occurs, in equal steps: the picture of a score histogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.metrics.histogram import PAGE_SIZE, ScoreHistogram
from fishy_ros.metrics.keys import keys_to_scores

_INFINITY_PAGES = (0x007F, 0xFF80)


@dataclass(frozen=True)
class ScoreDistribution:
    """Counts int64 `[N]` between edges float64 `[N + 1]`; infinite scores are counted in the outer bins."""

    edges: NDArray[np.float64]
    normal: NDArray[np.int64]
    anomalous: NDArray[np.int64]


def score_distribution(positives: ScoreHistogram, negatives: ScoreHistogram, bins: int = 100) -> ScoreDistribution:
    """Count scores in equal steps, from 0 to 1 where all scores lie there, else over the range of finite scores."""
    finite = [_finite_range(histogram) for histogram in (positives, negatives)]
    low = min((range_[0] for range_ in finite if range_), default=0.0)
    high = max((range_[1] for range_ in finite if range_), default=1.0)
    if low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    elif low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1, dtype=np.float64)
    return ScoreDistribution(edges, _count(negatives, edges), _count(positives, edges))


def _count(histogram: ScoreHistogram, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    bins = edges.size - 1
    counts = np.zeros(bins, np.int64)
    for page in histogram.page_totals():
        cells, at_cells = histogram.page_cells(page)
        # Scores ascend within a page, so a page is cut at the edges instead of looking up every score.
        scores = keys_to_scores((cells + page * PAGE_SIZE).astype(np.uint32)).astype(np.float64)
        cuts = np.concatenate(([0], np.searchsorted(scores, edges[1:-1], side="left"), [scores.size]))
        counts += np.diff(np.concatenate(([0], np.cumsum(at_cells)))[cuts])
    return counts


def _finite_range(histogram: ScoreHistogram) -> tuple[float, float] | None:
    pages = list(histogram.page_totals())
    for page in _INFINITY_PAGES:
        if page in pages and not np.isfinite(_page_scores(histogram, page)).any():
            pages.remove(page)
    if not pages:
        return None
    low, high = _page_scores(histogram, pages[-1]), _page_scores(histogram, pages[0])
    return float(low[np.isfinite(low)].min()), float(high[np.isfinite(high)].max())


def _page_scores(histogram: ScoreHistogram, page: int) -> NDArray[np.float32]:
    cells, _ = histogram.page_cells(page)
    return keys_to_scores((cells + page * PAGE_SIZE).astype(np.uint32))
