"""Arrays decoded once into one file that every process maps into memory and shares."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import TrainingError
from fishy_ros.files import replacing

DATA_SUFFIX = ".bytes"
INDEX_SUFFIX = ".json"
CACHE_BYTES: int = 24 * 1024**3
"""When a store is written, those unused for longest are deleted until the folder holds at most this much."""
IN_USE_S: float = 3600.0
"""A store that was opened so recently is never deleted."""


class ArrayStore(Sequence[NDArray[np.uint8]]):
    """A read-only list of uint8 arrays of any shape in a memory-mapped file.

    The operating system keeps one copy in its page cache, however many processes read it.
    """

    def __init__(self, path: Path) -> None:
        """Open the store that `write_store` wrote at `path`.

        Raises:
            TrainingError: it is missing, damaged or incomplete.
        """
        try:
            shapes = json.loads(path.with_suffix(INDEX_SUFFIX).read_text())["shapes"]
            self._shapes = [tuple(int(side) for side in shape) for shape in shapes]
            self._starts = np.cumsum([0, *(int(np.prod(shape)) for shape in self._shapes)])
            self.data_path = path.with_suffix(DATA_SUFFIX)
            self._bytes = np.memmap(path.with_suffix(DATA_SUFFIX), np.uint8, "r")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{path}: not a readable store of arrays: {error}") from error
        if len(self._bytes) != self._starts[-1]:
            raise TrainingError(f"{path}: expected {self._starts[-1]} bytes, found {len(self._bytes)}; delete it")

    def __len__(self) -> int:
        return len(self._shapes)

    @property
    def size(self) -> int:
        """Bytes of all arrays, which lie one behind the other in the file `data_path`."""
        return int(self._starts[-1])

    def place(self, index: int) -> tuple[int, tuple[int, ...]]:
        """Return where array `index` begins among the bytes of the file, and its shape."""
        return int(self._starts[index]), self._shapes[index]

    @overload
    def __getitem__(self, index: int) -> NDArray[np.uint8]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[NDArray[np.uint8]]: ...

    def __getitem__(self, index: int | slice) -> NDArray[np.uint8] | Sequence[NDArray[np.uint8]]:
        """Return array `index` as a view that must not be written to."""
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        return self._bytes[self._starts[position] : self._starts[position + 1]].reshape(self._shapes[position])


def write_store(path: Path, arrays: Iterable[NDArray[np.uint8]]) -> None:
    """Write arrays as a store; the index comes last, so a crash or a full disk leaves no store behind.

    Raises:
        TrainingError: the disk is full or the folder is not writable.
    """
    shapes: list[list[int]] = []
    try:
        with replacing(path.with_suffix(DATA_SUFFIX)) as temporary:
            with temporary.open("wb") as file:
                for array in arrays:
                    shapes.append(list(array.shape))
                    file.write(np.ascontiguousarray(array).data)
            if not shapes or not sum(int(np.prod(shape)) for shape in shapes):
                raise TrainingError(f"{path}: nothing to store")
        with replacing(path.with_suffix(INDEX_SUFFIX)) as temporary:
            temporary.write_text(json.dumps({"shapes": shapes}))
    except OSError as error:
        raise TrainingError(f"{path}: decoded arrays cannot be written: {error}") from error


def open_store(path: Path, arrays: Iterable[NDArray[np.uint8]]) -> ArrayStore:
    """Open the store at `path`; write `arrays` there first if it does not exist.

    Of several processes that want the same store, one writes it and the others wait. Stores of other data or settings
    are deleted as `CACHE_BYTES` says.

    Raises:
        TrainingError: it cannot be written, or is damaged.
    """
    index = path.with_suffix(INDEX_SUFFIX)
    if not index.exists():
        with _only_one(path.with_suffix(".lock")):
            if not index.exists():
                write_store(path, arrays)
        with _only_one(path.parent / "cache.lock"):
            _forget_unused(path.parent)
    store = ArrayStore(path)
    with suppress(OSError):  # The time of its last use; a cache of another user cannot be marked.
        os.utime(index)
    return store


def _forget_unused(folder: Path) -> None:
    """Delete the stores of `folder` that were unused for longest, until the rest fits into `CACHE_BYTES`."""
    total, now = 0, time.time()
    for data in sorted(folder.glob(f"*{DATA_SUFFIX}"), key=_last_use, reverse=True):
        if now - _last_use(data) > IN_USE_S and total + data.stat().st_size > CACHE_BYTES:
            data.with_suffix(INDEX_SUFFIX).unlink(missing_ok=True)
            data.unlink(missing_ok=True)
            logging.getLogger(__name__).warning("deleted %s, which was unused for longest", data)
        else:
            total += data.stat().st_size


def _last_use(data: Path) -> float:
    index = data.with_suffix(INDEX_SUFFIX)
    return index.stat().st_mtime if index.exists() else time.time()


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Wait until no other process holds `lock`; the system frees the lock of a process that dies."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise TrainingError(f"{lock.parent}: decoded arrays cannot be written: {error}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
