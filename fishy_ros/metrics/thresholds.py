"""Walk down the distinct scores of a histogram as thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fishy_ros.metrics.histogram import PAGE_SIZE, ScoreHistogram


class Thresholds(NamedTuple):
    """Some descending thresholds at which recall rises; every array is `[N]`."""

    keys: NDArray[np.uint32]
    """The score keys themselves (see `keys`)."""
    gained: NDArray[np.int64]
    """Positives at the threshold."""
    tied: NDArray[np.int64]
    """Negatives at the threshold."""
    tp: NDArray[np.int64]
    """Positives at or above the threshold."""
    fp: NDArray[np.int64]
    """Negatives at or above the threshold."""


def descend(positives: ScoreHistogram, negatives: ScoreHistogram) -> Iterator[Thresholds]:
    """Yield every threshold at which a positive score lies, page by page from the highest down.

    Between two positive scores only false positives grow, which lowers precision, F1 and Youden's index and
    leaves recall: no maximum, and no step of recall, lies there.
    """
    with_positives, with_negatives = positives.page_totals(), negatives.page_totals()
    tp = fp = 0
    for page in sorted(with_positives.keys() | with_negatives.keys(), reverse=True):
        in_page = with_negatives.get(page, 0)
        if page in with_positives:
            cells, gained = (array[::-1] for array in positives.page_cells(page))
            below, tied = negatives.page_ranks(page, cells)
            tps = tp + np.cumsum(gained)
            keys = (page * PAGE_SIZE + cells).astype(np.uint32)
            yield Thresholds(keys, gained, tied, tps, fp + in_page - below)
            tp = int(tps[-1])
        fp += in_page
