"""Notice an inference that hangs, and decide what to do about it."""

from __future__ import annotations

import enum


class Action(enum.Enum):
    """What a watchdog asks for."""

    NOTHING = enum.auto()
    RESTART = enum.auto()
    """Leave the hanging runtime behind and start another."""
    GIVE_UP = enum.auto()
    """The runtime hangs again and again: stop, with an error."""


class Watchdog:
    """Count restarts in a row; a frame that gets through ends the row."""

    def __init__(self, max_restarts: int) -> None:
        """Allow `max_restarts` in a row."""
        self._max_restarts = max_restarts
        self._restarts = 0
        self._published = 0

    @property
    def restarts(self) -> int:
        """Restarts since the last frame that got through."""
        return self._restarts

    def check(self, busy_s: float, timeout_s: float, published: int) -> Action:
        """Judge a frame that has been in work for `busy_s` seconds; `published` counts the frames that got through."""
        if published > self._published:
            self._published, self._restarts = published, 0
        if busy_s <= timeout_s:
            return Action.NOTHING
        if self._restarts >= self._max_restarts:
            return Action.GIVE_UP
        self._restarts += 1
        return Action.RESTART
