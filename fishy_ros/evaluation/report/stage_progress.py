"""Show the stages of a run as they go by: a bar on a terminal, a line each elsewhere."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class StageProgress:
    """Callable as `StartStage`, while `stage_progress` shows it on standard error.

    `reached` says how far the current stage is, for a run that is interrupted.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._stage, self._done, self._total = "starting", 0, 0
        self.bars = Progress(
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
        self.finish_stage()
        self._stage, self._done, self._total = stage, 0, total
        if not self._console.is_terminal:
            self._console.print(self._stage, highlight=False, markup=False)
        task = self.bars.add_task(self._stage, total=total or None)

        def show(done: int) -> None:
            self._done = done
            self.bars.update(task, completed=done)

        return show

    def finish_stage(self) -> None:
        """Show the current stage as complete."""
        for task in self.bars.tasks:
            self.bars.update(task.id, total=task.total or 1, completed=task.total or 1)


@contextmanager
def stage_progress(left: str = "no report was written") -> Iterator[StageProgress]:
    """Show the stages of a run; turn Ctrl-C and SIGTERM into a line that says how far it has come, and exit status 130.

    Whatever the run has started is stopped on the way out; `left` says what remains of the run.
    """
    progress = StageProgress()
    before = signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        with progress.bars:
            yield progress
            progress.finish_stage()
    except KeyboardInterrupt:
        print(f"fishy: interrupted while {progress.reached}; {left}", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
