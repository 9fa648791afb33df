"""Keep heatmaps on disk while a replay runs, so that scoring never competes with reception."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np

from fishy_ros.errors import ScoreError
from fishy_ros.types import ScoreMap


class StoredHeatmap(NamedTuple):
    """Where one heatmap lies in a store."""

    offset: int
    """Bytes from the beginning of the store."""
    height: int
    width: int


class HeatmapStore:
    """An unnamed file of float32 score maps; it vanishes when closed, even when the process is killed.

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
        height, width = score.shape
        slot = StoredHeatmap(self._end, height, width)
        remaining = np.ascontiguousarray(score, dtype=np.float32).reshape(-1).view(np.uint8).data
        try:
            self._file.seek(self._end)
            while remaining:
                remaining = remaining[self._file.write(remaining) :]
        except OSError as error:
            raise ScoreError(f"cannot keep a heatmap of {height}x{width} on disk: {error.strerror}") from error
        self._end += height * width * 4
        return slot

    def read(self, slot: StoredHeatmap) -> ScoreMap:
        """Return a score map written earlier, float32 `[h, w]`, owned by the caller."""
        score = np.empty((slot.height, slot.width), np.float32)
        self._file.seek(slot.offset)
        remaining = score.reshape(-1).view(np.uint8).data
        while remaining:
            count = self._file.readinto(remaining)
            if not count:
                raise ScoreError(f"the heatmap at byte {slot.offset} of the store is incomplete")
            remaining = remaining[count:]
        return score

    def close(self) -> None:
        """Close and thereby delete the file."""
        self._file.close()

    def __enter__(self) -> HeatmapStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
