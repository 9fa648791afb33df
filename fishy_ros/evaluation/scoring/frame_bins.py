"""Per-frame counts in score bins, small enough to keep, fine enough to resample frames by (bootstrap)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fishy_ros.arrays import read_npz
from fishy_ros.errors import ScoreError
from fishy_ros.metrics.histogram import run_lengths, run_starts
from fishy_ros.metrics.pixel import SortedFrame

BINS = 1536
"""Bins that are kept, about."""

_START_BITS = 20
_MEMORY_LIMIT = 64 << 20


@dataclass(frozen=True)
class FrameBins:
    """Counts of normal and anomalous pixels of every frame in the same bins, highest scores first.

    Bins are chosen so that each holds only a small share of the pixels of either kind, or a single score.
    """

    frames: tuple[str, ...]
    positives: NDArray[np.uint32]
    """`[F, B]`."""
    negatives: NDArray[np.uint32]
    """`[F, B]`."""

    def save(self, path: Path) -> None:
        """Write a compressed `.npz` file."""
        with path.open("wb") as file:
            np.savez_compressed(
                file, frames=np.array(self.frames, str), positives=self.positives, negatives=self.negatives
            )

    @classmethod
    def load(cls, path: Path) -> FrameBins:
        """Read what `save` wrote.

        Raises:
            ScoreError: the file is not such a file.
        """
        frames, positives, negatives = read_npz(path, ("frames", "positives", "negatives"), ScoreError)
        kinds = (frames.dtype.kind, positives.dtype.kind, negatives.dtype.kind)
        if kinds not in {("U", "u", "u"), ("U", "i", "i")}:
            raise ScoreError(f"{path}: arrays of kinds {', '.join(kinds)}; expected names and two of counts")
        if positives.ndim != 2 or positives.shape != negatives.shape or frames.shape != positives.shape[:1]:
            raise ScoreError(
                f"{path}: frames {frames.shape} with counts of {positives.shape} and {negatives.shape}; "
                "expected one row per frame"
            )
        if len(frames) and not positives.size:
            raise ScoreError(f"{path}: {len(frames)} frames without any bins")
        try:
            names = tuple(frames.tolist())
        except ValueError as error:
            raise ScoreError(f"{path}: the name of a frame is not text: {error}") from error
        return cls(names, positives.astype(np.uint32), negatives.astype(np.uint32))


@dataclass(frozen=True)
class _FrameCounts:
    """Counts of one frame by the upper bits of its score keys, ascending."""

    cells: NDArray[np.uint32]
    positives: NDArray[np.uint32]
    negatives: NDArray[np.uint32]


class FrameBinner:
    """Collect frames by the upper bits of their score keys; drop a bit whenever they outgrow 64 MiB."""

    def __init__(self) -> None:
        self._bits = _START_BITS
        self._frames: dict[str, _FrameCounts] = {}
        self._bytes = 0

    def update(self, frame: str, pixels: SortedFrame) -> None:
        """Add one frame."""
        positive_cells, positives = _runs(pixels.positives >> np.uint32(32 - self._bits))
        negative_cells, negatives = _runs(pixels.negatives >> np.uint32(32 - self._bits))
        cells = np.union1d(positive_cells, negative_cells)
        counts = _FrameCounts(cells, np.zeros(cells.size, np.uint32), np.zeros(cells.size, np.uint32))
        counts.positives[np.searchsorted(cells, positive_cells)] = positives
        counts.negatives[np.searchsorted(cells, negative_cells)] = negatives
        self._put(frame, counts)

    def merge(self, other: FrameBinner) -> None:
        """Add all frames of `other`."""
        while self._bits > other._bits:
            self._drop_bit()
        for frame, counts in other._frames.items():
            self._put(frame, _coarsen(counts, other._bits - self._bits))

    def compute(self) -> FrameBins:
        """Bring all frames to the same bins, frames in order of name."""
        names = sorted(self._frames)
        if not names:
            return FrameBins((), np.zeros((0, 0), np.uint32), np.zeros((0, 0), np.uint32))
        lowest = np.zeros(1, np.uint32)  # so that there is a bin where no frame has an evaluated pixel
        cells = np.unique(np.concatenate([lowest, *(self._frames[name].cells for name in names)]))
        positives, negatives = np.zeros((2, cells.size), np.int64)
        for counts in self._frames.values():
            at = np.searchsorted(cells, counts.cells)
            positives[at] += counts.positives
            negatives[at] += counts.negatives
        bins = _bin_of_cell(positives, negatives)
        size = int(bins[0]) + 1
        rows = np.zeros((2, len(names), size), np.uint32)
        for row, name in enumerate(names):
            counts = self._frames[name]
            at = bins[np.searchsorted(cells, counts.cells)]
            rows[0, row] = np.bincount(at, weights=counts.positives, minlength=size)
            rows[1, row] = np.bincount(at, weights=counts.negatives, minlength=size)
        return FrameBins(tuple(names), rows[0], rows[1])

    def _put(self, frame: str, counts: _FrameCounts) -> None:
        self._frames[frame] = counts
        self._bytes += _nbytes(counts)
        while self._bytes > _MEMORY_LIMIT and self._bits > 8:
            self._drop_bit()

    def _drop_bit(self) -> None:
        self._bits -= 1
        self._frames = {frame: _coarsen(counts, 1) for frame, counts in self._frames.items()}
        self._bytes = sum(_nbytes(counts) for counts in self._frames.values())


def _bin_of_cell(positives: NDArray[np.int64], negatives: NDArray[np.int64]) -> NDArray[np.intp]:
    """Assign ascending cells to bins, the highest score in bin 0.

    A new bin starts when another 1/512 of the anomalous pixels, of the normal ones, or of the logarithm of the
    normal ones has been passed: FPR95 is a share of the normal pixels, and AP is decided where they are still few.
    """
    tp = np.cumsum(positives[::-1])
    fp = np.cumsum(negatives[::-1])
    steps = BINS // 3
    recall_step = tp * steps // max(int(tp[-1]), 1)
    share_step = fp * steps // max(int(fp[-1]), 1)
    false_step = (np.log1p(fp) * (steps / max(float(np.log1p(fp[-1])), 1e-9))).astype(np.int64)
    # A step shows in the cell that crosses it; that cell opens the bin.
    opens = np.any(np.diff([recall_step, share_step, false_step], prepend=0) != 0, axis=0)
    opens[0] = False
    return np.asarray(np.cumsum(opens)[::-1], np.intp)


def _coarsen(counts: _FrameCounts, bits: int) -> _FrameCounts:
    if bits == 0 or counts.cells.size == 0:
        return counts
    cells = counts.cells >> np.uint32(bits)
    starts = run_starts(cells)
    return _FrameCounts(
        cells[starts],
        np.add.reduceat(counts.positives, starts, dtype=np.uint32),
        np.add.reduceat(counts.negatives, starts, dtype=np.uint32),
    )


def _runs(values: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    starts = run_starts(values)
    return values[starts], run_lengths(starts, values.size).astype(np.uint32)


def _nbytes(counts: _FrameCounts) -> int:
    return counts.cells.nbytes + counts.positives.nbytes + counts.negatives.nbytes
