"""Decide which of two threads publishes for the frame in work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")


class PublishGuard(Generic[Item]):
    """The worker that handles a frame publishes for it, or whoever gives the worker up; never both, never twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame: Item | None = None
        self._given_up = False

    @property
    def is_given_up(self) -> bool:
        """Whether the worker may not publish any more."""
        return self._given_up

    def begin(self, frame: Item) -> bool:
        """Take a frame into work; called by the worker. False if it was given up and may take none."""
        with self._lock:
            self._frame = None if self._given_up else frame
            return not self._given_up

    @contextmanager
    def publish(self) -> Iterator[bool]:
        """Publish for the frame in work, unless that was done or the worker was given up: then the value is False.

        Whoever gives the worker up meanwhile waits until the heatmap is out, so that heatmaps keep their order.
        Publishing that raises does not count: the frame stays in work.
        """
        with self._lock:
            yield self._frame is not None
            self._frame = None

    def give_up(self) -> Item | None:
        """Take the frame in work away from the worker for good; None if its heatmap is out, or there is none."""
        with self._lock:
            self._given_up = True
            frame, self._frame = self._frame, None
            return frame
