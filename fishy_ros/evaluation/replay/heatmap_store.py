"""Keep heatmaps and class maps on disk while a replay runs, so that scoring never competes with reception."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

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
    kind: type[np.generic] = np.float32
    """`float32` of a score map, `uint8` of a class map."""


class HeatmapStore(Closing):
    """An unnamed file of score maps and class maps; it vanishes when closed, even when the process is killed.

    One thread appends; reading is meant for afterwards.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Open the store in `folder` (default: the system's folder for temporary files)."""
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (closed by close)
        self._end = 0

    def append(self, values: ScoreMap | LabelMap) -> StoredHeatmap:
        """Write one map: scores, float32 `[h, w]`, or train ids, uint8 `[h, w]`.

        Raises:
            ScoreError: the disk is full or cannot be written.
        """
        kind = np.uint8 if values.dtype == np.uint8 else np.float32
        height, width = values.shape
        slot = StoredHeatmap(self._end, height, width, kind)
        remaining = np.ascontiguousarray(values, kind).reshape(-1).view(np.uint8).data
        self._end += len(remaining)
        try:
            self._file.seek(slot.offset)
            while remaining:
                remaining = remaining[self._file.write(remaining) :]
        except OSError as error:
            raise ScoreError(f"cannot keep a map of {height}x{width} on disk: {error.strerror}") from error
        return slot

    def read(self, slot: StoredHeatmap) -> NDArray[Any]:
        """Return a map written earlier, `[h, w]`, owned by the caller."""
        values = np.empty((slot.height, slot.width), slot.kind)
        self._file.seek(slot.offset)
        remaining = values.reshape(-1).view(np.uint8).data
        while remaining:
            count = self._file.readinto(remaining)
            if not count:
                raise ScoreError(f"the map at byte {slot.offset} of the store is incomplete")
            remaining = remaining[count:]
        return values

    def close(self) -> None:
        """Close and thereby delete the file."""
        self._file.close()
