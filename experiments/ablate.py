"""`python -m experiments.ablate PLAN`: train variants of a configuration equally and lay them side by side."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import DataRoot, check_output


def ablate(
    plan: Annotated[Path, typer.Argument(help="Plan of variants, such as experiments/plans/ablation.yaml.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("ablation.json"),
    runs: Annotated[Path, typer.Option(help="Folder for the checkpoints and results of all variants.")] = Path(
        "runs/ablation"
    ),
    only: Annotated[list[str] | None, typer.Option(help="Variant to run; repeatable. Default: all.")] = None,
    jobs: Annotated[
        int, typer.Option(help="Variants to train in parallel, each in a single-threaded process.", min=1)
    ] = 1,
    device: Annotated[str, typer.Option(help="Device to train on: cpu, cuda or cuda:N.")] = "cpu",
    data: DataRoot = None,
    epochs: Annotated[float | None, typer.Option(help="Number of epochs instead of the planned one.")] = None,
) -> None:
    """Train and score each variant from random initialization; finished variants are skipped."""
    check_output(out)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from experiments.ablation.plan import load_plan
    from experiments.ablation.study import Ablation
    from experiments.ablation.table import ablation_table
    from experiments.designs import register_designs
    from fishy_ros.evaluation.environment import describe_environment

    register_designs()
    loaded = load_plan(plan, data, epochs)
    ablation = Ablation(loaded, loaded.choose(tuple(only or ())), runs, device, jobs)
    options = [*([] if data is None else ["--data", data]), *([] if epochs is None else ["--epochs", str(epochs)])]
    commands = {
        variant.name: shlex.join(["python", "-m", "experiments.ablate", str(plan), "--only", variant.name, *options])
        for variant in ablation.variants
    }
    environment = dataclasses.asdict(describe_environment())
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        tasks = {name: bar.add_task(name, total=count) for name, count in ablation.count_work().items()}

        def advance(name: str) -> None:
            bar.advance(tasks[name])
            task = bar.tasks[tasks[name]]
            if task.finished and not console.is_terminal:
                console.print(f"{name}: done, {task.elapsed or 0:.0f} s after the start")

        result = ablation.run(out, environment["command"], commands, environment, advance)
    console.print(ablation_table(result))
    typer.echo(str(out))


if __name__ == "__main__":
    typer.run(ablate)
