"""Count every distinct float32 score of a stream exactly, in bounded memory.

A score's 32-bit key (see `keys`) is split in two: the upper 16 bits name a page, the lower 16 bits a cell in
it. Crowded pages are dense arrays of small counters; everything else, and whatever overflows a small
counter, stands in one sorted list of (key, count). Continuous scores in [0, 1] touch about a thousand
pages of 64 KiB, however many frames there are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PAGE_SIZE = 1 << 16
"""Number of keys that share a page."""

_CROWDED = 4096
"""A page with more listed keys than this is made dense, or its counters wider: about where that takes less memory."""

_PENDING_LIMIT = 1 << 20
"""Listed counts that may wait before they are sorted into the list."""

_WIDTHS: tuple[type[np.integer], ...] = (np.uint8, np.uint16, np.uint32, np.int64)

Cells = NDArray[np.intp]
Counts = NDArray[np.int64]
Keys = NDArray[np.uint32]


class ScoreHistogram:
    """A multiset of score keys: add sorted keys, merge with others, read back page by page.

    The contents depend only on what was added, not on the order or on how it was split over merged histograms.
    """

    def __init__(self) -> None:
        self.total: int = 0
        self._dense: dict[int, NDArray[np.integer]] = {}
        self._is_dense = np.zeros(PAGE_SIZE, bool)
        self._keys: Keys = np.empty(0, np.uint32)
        self._counts: Counts = np.empty(0, np.int64)
        self._pending: list[tuple[Keys, Counts]] = []
        self._pending_size = 0

    def add(self, sorted_keys: Keys) -> None:
        """Count every key of an ascending uint32 array `[N]`, repetitions included."""
        if sorted_keys.size == 0:
            return
        starts = run_starts(sorted_keys)
        self._add_counts(sorted_keys[starts], run_lengths(starts, sorted_keys.size))

    def merge(self, other: ScoreHistogram) -> None:
        """Add everything that `other` has counted; `other` keeps its contents."""
        for page in other.page_totals():
            cells, counts = other.page_cells(page)
            self._add_counts((cells + (page << 16)).astype(np.uint32), counts)

    def page_totals(self) -> dict[int, int]:
        """Return how many keys were counted in every page that holds any, pages with the highest scores first."""
        self._settle()
        starts = run_starts(self._keys >> 16)
        listed = (self._keys[starts] >> 16).tolist()
        totals = dict(zip(listed, np.add.reduceat(self._counts, starts).tolist(), strict=True)) if listed else {}
        for page, counters in self._dense.items():
            totals[page] = totals.get(page, 0) + int(counters.sum(dtype=np.int64))
        return dict(sorted(totals.items(), reverse=True))

    def page_cells(self, page: int) -> tuple[Cells, Counts]:
        """Return the cells of a page (the lower 16 bits of keys) that hold counts, ascending, and these counts."""
        self._settle()
        if page not in self._dense:
            listed = self._listed(page)
            return (self._keys[listed] & 0xFFFF).astype(np.intp), self._counts[listed]
        counts = self._dense_counts(page)
        cells = np.flatnonzero(counts)
        return cells, counts[cells]

    def page_ranks(self, page: int, cells: Cells) -> tuple[Counts, Counts]:
        """Return how many keys of a page lie below each of `cells` `[N]`, and how many on it."""
        self._settle()
        if page in self._dense:
            counts = self._dense_counts(page)
            on = counts[cells]
            return np.cumsum(counts)[cells] - on, on
        held, held_counts = self.page_cells(page)
        totals = np.concatenate(([0], np.cumsum(held_counts)))
        below = totals[np.searchsorted(held, cells, side="left")]
        return below, totals[np.searchsorted(held, cells, side="right")] - below

    @property
    def nbytes(self) -> int:
        """Bytes that the counters take now."""
        pending = sum(keys.nbytes + counts.nbytes for keys, counts in self._pending)
        return sum(page.nbytes for page in self._dense.values()) + self._keys.nbytes + self._counts.nbytes + pending

    def _add_counts(self, keys: Keys, counts: Counts) -> None:
        """Add `counts` to ascending, distinct `keys`."""
        self.total += int(counts.sum())
        page_starts = run_starts(keys >> 16)
        pages = keys[page_starts] >> 16
        page_lengths = run_lengths(page_starts, keys.size)
        dense = self._is_dense[pages]
        for page, start, length in zip(
            pages[dense].tolist(), page_starts[dense].tolist(), page_lengths[dense].tolist(), strict=True
        ):
            self._add_to_page(page, keys[start : start + length], counts[start : start + length])
        if not dense.all():
            sparse = np.repeat(~dense, page_lengths)
            self._enqueue(keys[sparse], counts[sparse])
        if self._pending_size > max(_PENDING_LIMIT, self._keys.size):
            self._settle()

    def _add_to_page(self, page: int, keys: Keys, counts: Counts) -> None:
        counters = self._dense[page]
        cells = (keys & 0xFFFF).astype(np.intp)
        before = counters.take(cells)
        after = before + counts.astype(counters.dtype)
        counters[cells] = after  # the low bits; what does not fit is carried to the list
        wrapped = after < before
        bits = 8 * counters.itemsize
        if wrapped.any() or (bits < 64 and counts.max() >> bits):
            carries = ((counts >> bits) + wrapped) << bits
            carried = np.flatnonzero(carries)
            self._enqueue(keys[carried], carries[carried])

    def _enqueue(self, keys: Keys, counts: Counts) -> None:
        self._pending.append((keys, counts))
        self._pending_size += keys.size

    def _settle(self) -> None:
        """Sort what is pending into the list, and widen the pages that have become crowded there."""
        while self._pending:
            parts = [(self._keys, self._counts), *self._pending]
            self._pending, self._pending_size = [], 0
            keys = np.concatenate([part for part, _ in parts])
            order = np.argsort(keys, kind="stable")
            keys = keys[order]
            starts = run_starts(keys)
            self._keys = keys[starts]
            self._counts = np.add.reduceat(np.concatenate([part for _, part in parts])[order], starts)
            self._widen_crowded_pages()

    def _widen_crowded_pages(self) -> None:
        starts = run_starts(self._keys >> 16)
        lengths = run_lengths(starts, self._keys.size)
        kept = np.ones(self._keys.size, bool)
        for start, length in zip(
            starts[lengths > _CROWDED].tolist(), lengths[lengths > _CROWDED].tolist(), strict=True
        ):
            listed = slice(start, start + length)
            page = int(self._keys[start] >> 16)
            self._widen(page)
            self._add_to_page(page, self._keys[listed], self._counts[listed])
            kept[listed] = False
        if not kept.all():
            self._keys, self._counts = self._keys[kept], self._counts[kept]

    def _widen(self, page: int) -> None:
        if page in self._dense:
            width = _WIDTHS.index(self._dense[page].dtype.type) + 1
            self._dense[page] = self._dense[page].astype(_WIDTHS[width])
        else:
            self._dense[page] = np.zeros(PAGE_SIZE, _WIDTHS[0])
            self._is_dense[page] = True

    def _dense_counts(self, page: int) -> Counts:
        counts = self._dense[page].astype(np.int64)
        listed = self._listed(page)
        counts[self._keys[listed] & 0xFFFF] += self._counts[listed]
        return counts

    def _listed(self, page: int) -> slice:
        first = np.searchsorted(self._keys, np.uint32(page << 16), side="left")
        last = np.searchsorted(self._keys, np.uint32((page << 16) | 0xFFFF), side="right")
        return slice(int(first), int(last))


def run_starts(values: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the index at which each run of equal values of `values` `[N]` starts.

    >>> run_starts(np.array([3, 3, 5, 9, 9])).tolist()
    [0, 2, 3]
    """
    if values.size == 0:
        return np.empty(0, np.intp)
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))


def run_lengths(starts: NDArray[np.intp], size: int) -> NDArray[np.int64]:
    """Return the length of each run that `run_starts` found in an array of `size` values.

    >>> run_lengths(np.array([0, 2, 3]), 5).tolist()
    [2, 1, 2]
    """
    lengths = np.empty(starts.size, np.int64)
    if starts.size:
        np.subtract(starts[1:], starts[:-1], out=lengths[:-1])
        lengths[-1] = size - starts[-1]
    return lengths
