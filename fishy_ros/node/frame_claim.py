"""Settle which of two threads answers for the frame in work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FrameClaim(Generic[Item]):
    """The worker that handles a frame answers for it, or whoever gives the worker up; never both, never twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame: Item | None = None
        self._given_up = False

    @property
    def is_given_up(self) -> bool:
        """Whether the worker may not answer any more."""
        return self._given_up

    def begin(self, frame: Item) -> bool:
        """Take a frame into work; called by the worker. False if it was given up and may take none."""
        with self._lock:
            self._frame = None if self._given_up else frame
            return not self._given_up

    @contextmanager
    def answer(self) -> Iterator[bool]:
        """Answer for the frame in work, unless that was done or the worker was given up: then the value is False.

        Whoever gives the worker up meanwhile waits until the answer is out, so that answers keep their order.
        An answer that raises is none: the frame stays in work.
        """
        with self._lock:
            yield self._frame is not None
            self._frame = None

    def give_up(self) -> Item | None:
        """Take the frame in work away from the worker for good; None if it is answered for, or there is none."""
        with self._lock:
            self._given_up = True
            frame, self._frame = self._frame, None
            return frame
