"""A thread that handles one item at a time, always the newest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from fishy_ros.node.latest_frame_slot import LatestFrameSlot

Item = TypeVar("Item")


class Worker(Generic[Item]):
    """Call `handle` on the newest offered item, on a thread of its own.

    An exception in `handle` goes to `on_failure` and does not end the thread.
    """

    def __init__(
        self, name: str, handle: Callable[[Item], None], on_failure: Callable[[Item, Exception], None]
    ) -> None:
        self._slot: LatestFrameSlot[Item] = LatestFrameSlot()
        self._handle = handle
        self._on_failure = on_failure
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def busy_s(self) -> float:
        """For how many seconds the thread has been handling its current item; 0 if it waits."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def offer(self, item: Item) -> bool:
        """Hand over an item; returns whether it replaced one that still waited."""
        return self._slot.put(item)

    def close(self) -> bool:
        """Take no more items; returns whether one that waited was dropped."""
        return self._slot.close()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Let the thread finish its current item; False if it has not done so within `timeout_s` seconds."""
        self.close()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._slot.is_closed:
            item = self._slot.take()
            if item is None:
                continue
            self._busy_since = time.monotonic()
            try:
                self._handle(item)
            except Exception as error:
                self._on_failure(item, error)
            finally:
                self._busy_since = None
            del item
