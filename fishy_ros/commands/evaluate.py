"""`fishy evaluate`: score every head of a trained network, and its segmentation."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import DataRoot, NetworkHeight, NetworkWidth, check_output


def evaluate(
    config: Annotated[Path, typer.Argument(help="Training configuration; its `validation` names the labelled sets.")],
    weights: Annotated[Path, typer.Argument(help="Trained weights (.safetensors) or a checkpoint (.pt).")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("evaluation.json"),
    head: Annotated[
        list[str] | None, typer.Option(help="Head (score), such as knn or sml+vde; repeatable. Default: all.")
    ] = None,
    data: DataRoot = None,
    images: Annotated[int, typer.Option(help="Training images that show heads what is normal.", min=1)] = 120,
    objects: Annotated[
        Path | None,
        typer.Option(help="RGBA pictures to paste into training images: some heads, such as ensemble, need anomalies."),
    ] = None,
    maps: Annotated[
        Path | None, typer.Option(help="Folder for score maps, SET/HEAD/NAME.npy, for `fishy score --scores SET/HEAD`.")
    ] = None,
    statistics: Annotated[
        Path | None,
        typer.Option(help="File of what heads learn from images: read where it holds that, else measured and added."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Labelled set of the configuration to score, by the end of its path; repeatable."),
    ] = None,
    every: Annotated[int, typer.Option(help="Count every N-th row and column of the labels only.", min=1)] = 1,
    rounds: Annotated[int, typer.Option(help="How often each head is timed; 0 measures no costs.", min=0)] = 15,
    height: NetworkHeight = 512,
    width: NetworkWidth = 1024,
) -> None:
    """Score and time every head: AP, FPR95 and AUROC per set, mean IoU, and time relative to the bare network.

    One row of the table of methods, from a clone: fishy evaluate experiments/methods.yaml
    checkpoints/fishy-s.safetensors --head knn --images 30 --every 4. The names of all heads are in docs/methods.md.
    """
    check_output(out)
    from rich.console import Console
    from rich.progress import Progress

    from fishy_ros.errors import ConfigError
    from fishy_ros.evaluation.environment import describe_environment
    from fishy_ros.training.config import load_train_config
    from fishy_ros.training.head_study import HeadStudy, study_table
    from fishy_ros.training.reduced import MULTIPLE

    if min(height, width) <= 0 or height % MULTIPLE or width % MULTIPLE:
        raise ConfigError(f"input of {height}x{width}: expected multiples of {MULTIPLE} px")
    settings = load_train_config(config, data)
    watched = settings.validation.only(tuple(set_)) if set_ else settings.validation
    settings = dataclasses.replace(settings, validation=dataclasses.replace(watched, height=height, width=width))
    if maps is not None and not settings.validation.anomalies:
        raise ConfigError(f"{config}: names no anomalies in its validation, so there are no --maps to write")
    names = tuple(head or ())
    study = HeadStudy(settings, weights, names, images, objects, maps, every, rounds, statistics)
    console = Console()
    with Progress(console=console) as bar:
        task = bar.add_task("evaluating", total=study.steps)
        result = study.run(dataclasses.asdict(describe_environment()), lambda: bar.advance(task))
    result.write(out)
    console.print(study_table(result))
    typer.echo(str(out))
