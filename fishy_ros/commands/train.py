"""`fishy train`: train a network from a configuration file."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fishy_ros.training.config import TrainConfig


@dataclass(frozen=True)
class Start:
    """Where a run begins."""

    weights: Path | None
    """Trained weights, or None for random ones."""
    new_head: bool
    fresh: bool
    """Whether a checkpoint of an earlier call is left aside."""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("train")(train)


def train(
    config: Annotated[Path, typer.Argument(help="Training configuration, such as config/training/fishy-s.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, curves and pictures.")] = Path("runs/train"),
    data: Annotated[str | None, typer.Option(help="Data root, overriding the configuration.")] = None,
    steps: Annotated[int | None, typer.Option(help="Number of training steps, overriding the configuration.")] = None,
    device: Annotated[str, typer.Option(help="Device: cpu, cuda or cuda:N.")] = "cpu",
    processes: Annotated[int, typer.Option(help="Training processes: one per CPU core, or 1 on a GPU.", min=1)] = 1,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights (.safetensors) to initialize a new run from; `m` needs those of a trained `s`."),
    ] = None,
    new_head: Annotated[
        bool, typer.Option("--new-head", help="Load only the network from --weights and reinitialize its learned head.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start from scratch instead of resuming.")] = False,
    validation: Annotated[
        bool, typer.Option(help="Score the validation sets named in the configuration during the run.")
    ] = True,
) -> None:
    """Train a network; an interrupted run resumes."""
    from fishy_ros.training.config import load_train_config

    settings = load_train_config(config)
    if data is not None:
        settings = dataclasses.replace(settings, data=data)
    if steps is not None:
        settings = dataclasses.replace(settings, optimiser=dataclasses.replace(settings.optimiser, steps=steps))
    if not validation:
        settings = dataclasses.replace(settings, validation=dataclasses.replace(settings.validation, every=0))
    out.mkdir(parents=True, exist_ok=True)
    start = Start(weights, new_head, fresh)
    job = functools.partial(run_training, settings=settings, out=out, device=device, start=start)
    if processes == 1:
        job(0)
    else:
        from fishy_ros.training.parallel import run_in_processes

        run_in_processes(job, processes)


def run_training(number: int, settings: TrainConfig, out: Path, device: str, start: Start) -> None:
    """Train in this process; process 0 shows the progress."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from fishy_ros.errors import ConfigError
    from fishy_ros.evaluation.environment import describe_environment
    from fishy_ros.training.loop import Trainer
    from fishy_ros.training.nets.registry import BACKBONES
    from fishy_ros.training.provenance import note_run

    trainer = Trainer(settings, out, device)
    if start.weights is not None:
        trainer.start_from(start.weights, start.new_head)
    if not start.fresh:
        trainer.resume()
    if start.weights is None and trainer.step == 0 and settings.size in BACKBONES:
        raise ConfigError(
            f"network {settings.size!r} refines a trained {BACKBONES[settings.size]!r}; name its weights with --weights"
        )
    if number == 0:
        note_run(settings, out, trainer.step, start.weights, dataclasses.asdict(describe_environment()))
    console = Console(quiet=number != 0)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(settings.name, total=settings.optimiser.steps, completed=trainer.step)

        def show(step: int, total: int, terms: dict[str, float]) -> None:
            losses = "  ".join(f"{name} {value:.3f}" for name, value in terms.items())
            bar.update(task, completed=step, description=f"{settings.name}  {losses}")
            if not console.is_terminal and step % 50 == 0:
                console.print(f"step {step} of {total}  {losses}")

        trainer.run(show)
    console.print(f"{trainer.checkpoint_path}: {trainer.step} steps")
