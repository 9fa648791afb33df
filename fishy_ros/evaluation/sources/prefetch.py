"""Read ahead in a thread, so that decoding a file never delays the schedule of a replay."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
_POLL_S = 0.1


@dataclass(frozen=True)
class _End:
    error: BaseException | None = None


class Prefetch(Generic[Item]):
    """Iterate over `items` with up to `depth` of them read ahead; an error is raised where its item would be.

    >>> list(Prefetch(range(3), depth=2))
    [0, 1, 2]
    """

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self._items = items
        self._depth = depth

    def __iter__(self) -> Iterator[Item]:
        ready: queue.Queue[Item | _End] = queue.Queue(self._depth)
        stopped = threading.Event()
        reader = threading.Thread(target=_read, args=(self._items, ready, stopped), name="prefetch", daemon=True)
        reader.start()
        try:
            while not isinstance(item := ready.get(), _End):
                yield item
            if item.error is not None:
                raise item.error
        finally:
            stopped.set()
            if reader is not threading.current_thread():  # where the garbage collector may end an abandoned iteration
                reader.join()


def _read(items: Iterable[Item], ready: queue.Queue[Item | _End], stopped: threading.Event) -> None:
    end = _End()
    try:
        for item in items:
            if not _put(item, ready, stopped):
                return
    except BaseException as error:
        end = _End(error)
    _put(end, ready, stopped)


def _put(item: Item | _End, ready: queue.Queue[Item | _End], stopped: threading.Event) -> bool:
    while not stopped.is_set():
        try:
            ready.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False
