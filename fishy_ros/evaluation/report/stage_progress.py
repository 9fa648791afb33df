"""Show the stages of a run as they go by: a bar on a terminal, a line each elsewhere."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class StageProgress:
    """Callable as `StartStage`; use as a context manager. Writes to standard error.

    `reached` says how far the current stage is, for a run that is interrupted.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._console = Console(stderr=True)
        self._stage, self._done, self._total = "starting", 0, 0
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    @property
    def reached(self) -> str:
        """Describe how far the run has come."""
        return f"{self._stage}, {self._done} of {self._total}" if self._total else self._stage

    def __call__(self, stage: str, total: int) -> Callable[[int], None]:
        """Begin a stage of `total` steps, 0 if they cannot be counted; the result is told how many are done."""
        self._finish_stage()
        self._stage, self._done, self._total = f"{self._prefix}{stage}", 0, total
        if not self._console.is_terminal:
            self._console.print(self._stage, highlight=False, markup=False)
        task = self._progress.add_task(self._stage, total=total or None)

        def show(done: int) -> None:
            self._done = done
            self._progress.update(task, completed=done)

        return show

    def __enter__(self) -> StageProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish_stage()
        self._progress.stop()

    def _finish_stage(self) -> None:
        for task in self._progress.tasks:
            self._progress.update(task.id, total=task.total or 1, completed=task.total or 1)


@contextmanager
def exit_when_interrupted(progress: StageProgress, left: str = "no report was written") -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a line that says how far the run has come, and exit status 130.

    Whatever the run has started is stopped on the way out; `left` says what remains of the run.
    """
    before = signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        yield
    except KeyboardInterrupt:
        print(f"fishy: interrupted while {progress.reached}; {left}", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
