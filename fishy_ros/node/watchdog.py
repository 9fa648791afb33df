"""Notice an inference that hangs, and decide what to do about it."""

from __future__ import annotations

import enum

from fishy_ros.node.parameters import DetectorParameters

STANDSTILL_S: float = 1.0
"""A watchdog that was not asked for longer than this was held up with all of its process."""


class Action(enum.Enum):
    """What a watchdog asks for."""

    NOTHING = enum.auto()
    RESTART = enum.auto()
    """Leave the hanging runtime behind and start another."""
    GIVE_UP = enum.auto()
    """The runtime hangs again and again: stop, with an error."""


class Watchdog:
    """Count restarts in a row; a frame that gets through ends the row.

    Where the watchdog itself was not asked for a while, the whole process stood still (it was frozen, or starved), and
    that says nothing about the runtime.
    """

    def __init__(self) -> None:
        self._restarts = 0
        self._published = 0
        self._asked_at: float | None = None
        self._busy_s = 0.0
        self._excused_s = 0.0

    @property
    def restarts(self) -> int:
        """Restarts since the last frame that got through."""
        return self._restarts

    def check(self, now: float, busy_s: float, published: int, parameters: DetectorParameters) -> Action:
        """Judge a frame that has been in work for `busy_s` seconds at a monotonic time `now` in s.

        `published` counts the frames that got through.
        """
        if published > self._published:
            self._published, self._restarts = published, 0
        self._excuse_standstill(now, busy_s)
        if busy_s - self._excused_s <= parameters.hang_timeout_s:
            return Action.NOTHING
        if self._restarts >= parameters.max_restarts:
            return Action.GIVE_UP
        self._restarts += 1
        return Action.RESTART

    def _excuse_standstill(self, now: float, busy_s: float) -> None:
        silent_s = now - self._asked_at if self._asked_at is not None else 0.0
        if busy_s < self._busy_s:
            self._busy_s = self._excused_s = 0.0
        if silent_s > STANDSTILL_S:
            self._excused_s += min(silent_s, busy_s - self._busy_s)
        self._asked_at, self._busy_s = now, busy_s
