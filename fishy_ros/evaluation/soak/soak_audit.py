"""Check every heatmap of a soak as it arrives: of a frame that was sent, once, in order, and of that frame's image."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

from fishy_ros.types import ScoreMap

TOLERANCE: float = 1e-3
"""Largest difference of a score from that of the same image in another process."""


class SoakAudit:
    """A `Listener` that judges what it hears; one thread sends, another one receives."""

    def __init__(self, expected: Sequence[ScoreMap]) -> None:
        """Take the heatmap that every picture has to give, float32 `[h, w]`."""
        self._expected = expected
        self._changed = threading.Condition()
        self._due: dict[int, tuple[int, float]] = {}
        self.sent = 0
        """Good frames that were sent."""
        self.published = 0
        """Good frames whose heatmap came back."""
        self.wrong: list[str] = []
        """What was wrong with heatmaps that came."""
        self._last_ns = 0
        self._last_sent_s = 0.0
        self._round_trips_ms: list[float] = []

    def note_sent(self, stamp_ns: int, picture: int) -> None:
        """Remember that a good frame with this stamp, showing `picture`, is about to be sent."""
        with self._changed:
            self.sent += 1
            self._due[stamp_ns] = (picture, time.monotonic())

    def note_heatmap(self, stamp_ns: int, score: ScoreMap) -> None:
        """Judge a heatmap, float32 `[h, w]`."""
        now = time.monotonic()
        with self._changed:
            due = self._due.pop(stamp_ns, None)
            if due is None:
                self.wrong.append(f"heatmap {stamp_ns}: no good frame with this stamp was waiting for one")
                return
            picture, sent_s = due
            if stamp_ns <= self._last_ns:
                self.wrong.append(f"heatmap {stamp_ns}: older than {self._last_ns}, which came before")
            expected = self._expected[picture]
            if score.shape != expected.shape or float(np.abs(score - expected).max()) > TOLERANCE:
                self.wrong.append(f"heatmap {stamp_ns}: it is not the heatmap of its frame")
            self._last_ns = stamp_ns
            self.published += 1
            self._last_sent_s = sent_s
            self._round_trips_ms.append((now - sent_s) * 1e3)
            for stale in [stamp for stamp in self._due if stamp < stamp_ns]:
                del self._due[stale]
            self._changed.notify_all()

    def note_latency(self, stamp_ns: int, stages_ms: Mapping[str, float]) -> None:
        """Ignore what the node measured itself: a soak measures from outside."""

    def note_unreadable(self, reason: str) -> None:
        """Hold a message that cannot be read against the node."""
        with self._changed:
            self.wrong.append(reason)

    def has_heatmap_since(self, since_s: float) -> bool:
        """Whether a heatmap has come of a frame that was sent after `since_s`, monotonic time in s."""
        return self._last_sent_s >= since_s

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, less if a heatmap arrives."""
        with self._changed:
            self._changed.wait(seconds)

    def take_round_trips_ms(self) -> tuple[float, ...]:
        """Return the times from sending a frame to hearing its heatmap since the last call."""
        with self._changed:
            taken, self._round_trips_ms = self._round_trips_ms, []
        return tuple(taken)
