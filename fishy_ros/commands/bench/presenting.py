"""A bar while a benchmark runs, then its table, file and picture."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

    from fishy_ros.evaluation.bench.result import BenchResult

Result = TypeVar("Result")
LOG_COLUMNS = 160
"""Width of tables that go to a file or a pipe; a terminal has its own."""


def measured(turns: int, measure: Callable[[Callable[[], None]], Result]) -> Result:
    """Show a bar over the turns of a measurement, which calls what it is given after each."""
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task("measuring", total=turns)
        return measure(lambda: bar.advance(task))


def present(result: BenchResult, out: Path | None, compared: str = "total", pictured: str | None = None) -> None:
    """Print the table of a benchmark, and write it to `out` with a picture beside it."""
    from fishy_ros.evaluation.bench.picture import write_stage_picture
    from fishy_ros.evaluation.bench.result import machine_line, stage_table

    console = wide_console()
    console.print(machine_line(result.environment), highlight=False)
    console.print(stage_table(result, compared))
    for note in result.notes:
        console.print(f"note: {note}", markup=False, highlight=False)
    if out is not None:
        result.write(out)
        write_stage_picture(result, pictured or compared, out.with_suffix(".png"))
        console.print(f"{out} and {out.with_suffix('.png')}", highlight=False)


def wide_console() -> Console:
    """Return the console, which also has room for tables where it is not a terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else LOG_COLUMNS)
