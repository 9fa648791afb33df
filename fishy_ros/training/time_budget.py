"""Fit a run into a given time: it walks through its schedule in longer or shorter strides."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from fishy_ros.training.schedule import Schedule

WINDOW: int = 40
"""Steps over which the speed is measured."""


class TimeBudget:
    """Tell the place in the schedule after each step, so that its end is reached when the time is over.

    The speed is measured all the time in pixels per second, because a crop of four times the area takes four times as
    long. A stage, the learning rate and an epoch depend on the place in the schedule alone, so nothing else changes.
    """

    def __init__(self, schedule: Schedule, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._schedule = schedule
        self._clock = clock
        self._end = clock() + seconds
        self._done = 0.0
        self._recent: deque[tuple[float, float]] = deque([(clock(), 0.0)], maxlen=WINDOW)

    def advance(self, place: float, seen: int) -> float:
        """Return the place in crops after a step that saw `seen` crops and began at `place`."""
        stage = self._schedule.stage(int(place))
        pixels = stage.height * stage.width
        self._done += seen * pixels
        now = self._clock()
        self._recent.append((now, self._done))
        left = self._end - now
        if left <= 0:
            return self._schedule.total
        elapsed = max(now - self._recent[0][0], 1e-9)
        reachable = (self._done - self._recent[0][1]) / elapsed * left
        stride = (self._schedule.pixels_after(place)) / max(reachable, 1.0)
        return min(place + seen * stride, self._schedule.total)
