"""Count heatmaps without keeping them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from fishy_ros.types import ScoreMap


class HeatmapCounter:
    """A `Listener` that only counts; one thread plays and waits, another one receives."""

    def __init__(self) -> None:
        self.count = 0
        """Heatmaps so far."""
        self.first_at = 0.0
        """When the first one arrived, by `time.perf_counter`."""
        self._changed = threading.Condition()

    def note_heatmap(self, stamp_ns: int, score: ScoreMap) -> None:
        """Count one."""
        with self._changed:
            if self.count == 0:
                self.first_at = time.perf_counter()
            self.count += 1
            self._changed.notify_all()

    def note_latency(self, stamp_ns: int, stages_ms: Mapping[str, float]) -> None:
        """Ignore it."""

    def note_unreadable(self, reason: str) -> None:
        """Ignore it: a heatmap that cannot be read is not counted."""

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """Wait until there are `count` heatmaps; False when there are not after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, timeout_s)
