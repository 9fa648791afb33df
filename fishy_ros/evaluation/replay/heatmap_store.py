"""Keep heatmaps and class maps on disk while a replay runs, so that scoring never competes with reception."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fishy_ros.closing import Closing
from fishy_ros.errors import ScoreError
from fishy_ros.types import LabelMap, ScoreMap


class StoredHeatmap(NamedTuple):
    """Where one map lies in a store."""

    offset: int
    """Bytes from the beginning of the store."""
    height: int
    width: int


class HeatmapStore(Closing):
    """An unnamed file of score maps and class maps; it vanishes when closed, even when the process is killed.

    One thread appends; reading is meant for afterwards.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Open the store in `folder` (default: the system's folder for temporary files)."""
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (closed by close)
        self._end = 0

    def append(self, score: ScoreMap) -> StoredHeatmap:
        """Write one score map, float32 `[h, w]`.

        Raises:
            ScoreError: the disk is full or cannot be written.
        """
        return self._write(np.ascontiguousarray(score, dtype=np.float32))

    def append_classes(self, classes: LabelMap) -> StoredHeatmap:
        """Write one map of train ids, uint8 `[h, w]`.

        Raises:
            ScoreError: the disk is full or cannot be written.
        """
        return self._write(np.ascontiguousarray(classes, dtype=np.uint8))

    def _write(self, values: ScoreMap | LabelMap) -> StoredHeatmap:
        height, width = values.shape
        slot = StoredHeatmap(self._end, height, width)
        remaining = values.reshape(-1).view(np.uint8).data
        try:
            self._file.seek(self._end)
            while remaining:
                remaining = remaining[self._file.write(remaining) :]
        except OSError as error:
            raise ScoreError(f"cannot keep a map of {height}x{width} on disk: {error.strerror}") from error
        self._end += values.nbytes
        return slot

    def read(self, slot: StoredHeatmap) -> ScoreMap:
        """Return a score map written earlier, float32 `[h, w]`, owned by the caller."""
        score = np.empty((slot.height, slot.width), np.float32)
        self._fill(score.reshape(-1).view(np.uint8), slot)
        return score

    def read_classes(self, slot: StoredHeatmap) -> LabelMap:
        """Return a class map written earlier, uint8 `[h, w]`, owned by the caller."""
        classes = np.empty((slot.height, slot.width), np.uint8)
        self._fill(classes.reshape(-1), slot)
        return classes

    def _fill(self, target: NDArray[np.uint8], slot: StoredHeatmap) -> None:
        self._file.seek(slot.offset)
        remaining = target.data
        while remaining:
            count = self._file.readinto(remaining)
            if not count:
                raise ScoreError(f"the map at byte {slot.offset} of the store is incomplete")
            remaining = remaining[count:]

    def close(self) -> None:
        """Close and thereby delete the file."""
        self._file.close()
