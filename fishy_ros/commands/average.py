"""`fishy average`: average checkpoints of a training run (stochastic weight averaging, SWA)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("average")(average)


def average(
    weights: Annotated[list[Path], typer.Argument(help="Weights (.safetensors) or checkpoints (.pt) of one network.")],
    out: Annotated[Path, typer.Option(help="File for the averaged weights (.safetensors).")],
) -> None:
    """Average the weights of several checkpoints, ready to be calibrated and exported."""
    from fishy_ros.training.average import average_weights
    from fishy_ros.training.checkpoint import save_weights

    save_weights(out, average_weights(weights))
    typer.echo(f"{out}: the mean of {len(weights)}")
