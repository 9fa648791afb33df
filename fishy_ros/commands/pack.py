"""`fishy pack`: put training data into one small archive."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("pack")(pack)


def pack(
    config: Annotated[Path, typer.Argument(help="Training configuration whose data to pack.")],
    out: Annotated[Path, typer.Argument(help="Archive to write (.zip).")],
    data: Annotated[str | None, typer.Option(help="Data root, overriding the configuration.")] = None,
    max_width: Annotated[int, typer.Option(help="Maximum image width in px; larger images are shrunk.", min=64)] = 1024,
    quality: Annotated[int, typer.Option(help="WebP quality, 1 to 100.", min=1, max=100)] = 85,
) -> None:
    """Pack the training data into one archive, to train on another machine."""
    from rich.progress import Progress

    from fishy_ros.training.config import load_train_config
    from fishy_ros.training.pack import pack_training_data

    settings = load_train_config(config)
    if data is not None:
        settings = dataclasses.replace(settings, data=data)
    with Progress() as bar:
        task = bar.add_task("packing", total=None)
        pack_training_data(
            settings, out, max_width, quality, lambda name: bar.update(task, advance=1, description=name)
        )
    typer.echo(f"{out}: {out.stat().st_size / 2**20:.1f} MiB")
