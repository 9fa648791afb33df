"""`fishy train`: train a network from a configuration file."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fishy_ros.commands.options import DataRoot, check_output_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import SupportsFloat

    from fishy_ros.training.config import TrainConfig

STEPS_SHOWN: int = 50
"""After every so many steps the progress is shown."""


@dataclass(frozen=True)
class Start:
    """Where a run begins."""

    weights: Path | None
    """Trained weights, or None for random ones."""
    new_head: bool
    averaged: Path | None
    """Averaged weights of a run of another machine that is continued here."""
    fresh: bool
    """Whether a checkpoint of an earlier call is left aside."""


def train(
    config: Annotated[Path, typer.Argument(help="Training configuration, such as config/training/fishy-s.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, curves and pictures.")] = Path("runs/train"),
    data: DataRoot = None,
    device: Annotated[str, typer.Option(help="Device: cpu, cuda or cuda:N.")] = "cpu",
    processes: Annotated[int, typer.Option(help="Training processes: one per CPU core, or 1 on a GPU.", min=1)] = 1,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights (.safetensors) to initialize a new run from; a run that resumes has its own."),
    ] = None,
    new_head: Annotated[
        bool, typer.Option("--new-head", help="Load only the network from --weights and reinitialize its learned head.")
    ] = False,
    averaged: Annotated[
        Path | None,
        typer.Option("--continue", help="Averaged weights of a run that goes on here: same place in the schedule."),
    ] = None,
    batch_factor: Annotated[
        int, typer.Option(help="Times as many crops in each step as configured, such as on a GPU.", min=1)
    ] = 1,
    minutes: Annotated[
        float | None,
        typer.Option(help="Length of the run; its schedule is scaled to the speed of the machine.", min=0.001),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start from scratch instead of resuming.")] = False,
    validate_every: Annotated[
        float | None,
        typer.Option(
            help="Epochs between validations instead of the configured; the end has one, too. 0 for none.", min=0
        ),
    ] = None,
    validation: Annotated[
        bool, typer.Option(help="Score the validation sets named in the configuration during the run.")
    ] = True,
) -> None:
    """Train a network; an interrupted run resumes."""
    from fishy_ros.errors import ConfigError
    from fishy_ros.training.config import SEGMENTATION, load_train_config, with_larger_batches
    from fishy_ros.training.device import require_device

    settings = with_larger_batches(load_train_config(config, data), batch_factor)
    every = (settings.validation.every if validate_every is None else validate_every) if validation else 0
    settings = dataclasses.replace(settings, validation=dataclasses.replace(settings.validation, every=every))
    if new_head and weights is None:
        raise ConfigError("--new-head: needs a network to keep; expected --weights, too")
    if averaged is not None and weights is not None:
        raise ConfigError("--continue and --weights: a run begins from one of them")
    require_device(device)
    check_output_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    if settings.task != SEGMENTATION:
        train_second(settings, weights, out, device)
        return
    start = Start(weights, new_head, averaged, fresh)
    job = functools.partial(run_training, settings=settings, out=out, device=device, start=start, minutes=minutes)
    if processes == 1:
        job(0)
    else:
        from fishy_ros.training.parallel import run_in_processes

        run_in_processes(job, processes)


def train_second(settings: TrainConfig, weights: Path | None, out: Path, device: str) -> None:
    """Train a second network beside the model of `weights`."""
    from fishy_ros.errors import ConfigError
    from fishy_ros.training.second_networks import train_second_network

    if weights is None:
        raise ConfigError(f"task {settings.task!r} reads a trained network; name its weights with --weights")
    steps = itertools.count(1)

    def show(done: float, loss: float) -> None:
        if next(steps) % STEPS_SHOWN == 0:
            typer.echo(f"{time.strftime('%H:%M:%S')} {settings.task} {100 * done:.0f} %  loss {loss:.3f}")

    typer.echo(str(train_second_network(settings, weights, out, device, show)))


def run_training(
    number: int, settings: TrainConfig, out: Path, device: str, start: Start, minutes: float | None = None
) -> None:
    """Train in this process; process 0 shows the progress."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from fishy_ros.evaluation.environment import describe_environment
    from fishy_ros.training.loop import Trainer
    from fishy_ros.training.provenance import note_run

    trainer = Trainer(settings, out, device)
    resumes = not start.fresh and trainer.resume()
    if not resumes:
        if start.averaged is not None:
            trainer.go_on_from(start.averaged)
        elif start.weights is not None:
            trainer.start_from(start.weights, start.new_head)
    if number == 0:
        note_run(
            settings, out, trainer.crops, start.averaged or start.weights, dataclasses.asdict(describe_environment())
        )
    console = Console(quiet=number != 0)
    if resumes and start.weights is not None:
        console.print(f"{trainer.checkpoint_path} is resumed; {start.weights} is not read again")
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.2f} of {task.total} epochs"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(settings.name, total=trainer.schedule.epoch(trainer.schedule.total))
        steps = itertools.count(1)

        def show(epoch: float, epochs: float, terms: Mapping[str, SupportsFloat]) -> None:
            # Reading a loss waits for a GPU, so it is not read after every step.
            if next(steps) % STEPS_SHOWN:
                return
            losses = "  ".join(f"{name} {float(value):.3f}" for name, value in terms.items())
            bar.update(task, completed=epoch, description=f"{settings.name}  {losses}")
            if not console.is_terminal:
                console.print(f"{time.strftime('%H:%M:%S')} epoch {epoch:.2f} of {epochs:.0f}  {losses}")

        trainer.run(show, minutes)
    console.print(f"{trainer.checkpoint_path}: {trainer.epoch:.1f} epochs")
