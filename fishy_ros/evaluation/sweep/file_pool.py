"""A pool of processes that leave their results in files, so that none of them can block the others by dying."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from fishy_ros.errors import ReplayError

P = ParamSpec("P")
T = TypeVar("T")
_REASON_LENGTH = 500


class WorkerTraceback(Exception):
    """The traceback of an error in a worker, as the cause of that error here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Outcome(NamedTuple):
    """What a task came to; `error` is None where it returned."""

    value: object
    error: Exception | None = None
    trace: str = ""


class FilePool(ProcessPoolExecutor):
    """A pool of fresh processes whose results travel through files of `folder`.

    All workers of a `ProcessPoolExecutor` write into one pipe. One that is killed in the middle of a large result
    leaves a message in it that never ends; the others keep the pipe open, and the reader waits for ever. Here only
    `None` or a short text goes through the pipe, less than PIPE_BUF bytes, which the kernel writes whole or not at all.
    """

    def __init__(self, workers: int, folder: Path) -> None:
        """Prepare `workers` fresh processes; `folder` exists, and is the caller's to delete afterwards."""
        super().__init__(workers, multiprocessing.get_context("spawn"), initializer=_begin_worker)
        self._folder = folder
        self._names = itertools.count()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` in a worker; the result and what it raises must be picklable.

        Raises:
            BrokenProcessPool: a worker died earlier.
        """
        path = self._folder / f"{next(self._names)}.pickle"
        result: Future[T] = Future()
        left = super().submit(_leave_outcome, path, fn, args, kwargs)
        left.add_done_callback(lambda left: _pass_on(left, path, result))
        return result


def _begin_worker() -> None:
    # Ctrl-C reaches every process of the terminal; only the parent is to act on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="end_with_parent", daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, which the queue of tasks does not tell."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _leave_outcome(
    path: Path, task: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> str | None:
    """Run a task in a worker and write what came of it; returns why it could not be written."""
    try:
        outcome = _Outcome(task(*args, **kwargs))
    except Exception as error:
        outcome = _Outcome(None, error, traceback.format_exc())
    try:
        with path.open("wb") as file:
            pickle.dump(outcome, file, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
    return None


def _pass_on(left: Future[str | None], path: Path, result: Future[T]) -> None:
    """Give `result` what the worker left."""
    if left.cancelled():
        result.cancel()
        result.set_running_or_notify_cancel()
        return
    try:
        if reason := left.result():
            raise ReplayError(f"a worker cannot leave its result in {path.parent}: {reason}")
        outcome: _Outcome = pickle.loads(path.read_bytes())
        if outcome.error:
            raise outcome.error from WorkerTraceback(outcome.trace)
    except Exception as error:
        result.set_exception(error)
    else:
        result.set_result(outcome.value)  # type: ignore[arg-type]
    finally:
        path.unlink(missing_ok=True)
