"""A thread that handles the newest item: its slot, and the guard that decides who publishes for the item in work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Worker(Generic[Item]):
    """Call `handle` on the newest offered item, on a thread of its own.

    An exception in `handle` goes to `on_failure` and does not end the thread.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Item], None],
        on_failure: Callable[[Item, Exception], None],
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Handle items on the thread `name`; each within a `turn`, which is waited for before the item is taken."""
        self._turn = turn
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
            self._slot.wait()
            with self._turn():
                item = self._slot.take(0.0)
                if item is not None:
                    self._handle_one(item)
            del item

    def _handle_one(self, item: Item) -> None:
        self._busy_since = time.monotonic()
        try:
            self._handle(item)
        except Exception as error:
            self._on_failure(item, error)
        finally:
            self._busy_since = None


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

    def wait(self) -> None:
        """Wait for an item, or until the slot is closed, and take nothing."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed)

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
