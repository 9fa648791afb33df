"""A hand-over between two threads that holds one thing: the newest."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestFrameSlot(Generic[Item]):
    """Hold the newest item until it is taken; an item that is overtaken is dropped.

    So latency never grows with a queue. Any number of threads may use a slot.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> bool:
        """Offer `item` in place of whatever is waiting; after `close`, nothing happens.

        Returns:
            Whether an older item was dropped for it.
        """
        with self._condition:
            if self._closed:
                return False
            overtakes = self._item is not None
            self._item = item
            self._condition.notify()
            return overtakes

    def take(self, timeout_s: float | None = None) -> Item | None:
        """Wait for an item and remove it; None after `timeout_s` seconds, or when the slot is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            return item

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> bool:
        """Drop what is waiting, and wake whoever waits for more.

        Returns:
            Whether an item was dropped.
        """
        with self._condition:
            self._closed = True
            dropped, self._item = self._item is not None, None
            self._condition.notify_all()
            return dropped
