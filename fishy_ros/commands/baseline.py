"""`fishy baseline`: measure what normal input of a model looks like, for its drift monitor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fishy_ros.commands.options import DataRoot, Runtime
from fishy_ros.model_package.finding import DEFAULT_MODEL

if TYPE_CHECKING:
    from fishy_ros.types import ImageArray


def baseline(
    model: Annotated[str, typer.Argument(help="Model package, changed in place: a name or a path.")] = DEFAULT_MODEL,
    config: Annotated[
        Path | None, typer.Option(help="Training configuration whose training images are the normal images.")
    ] = None,
    data: DataRoot = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder of normal images, for example of your own camera, instead of --config.")
    ] = None,
    images: Annotated[int, typer.Option(help="Number of images to use.", min=1)] = 200,
    runtime: Runtime = "auto",
) -> None:
    """Store the statistics of normal images in a model package, for the drift warning of the node."""
    from rich.progress import track

    from fishy_ros.drift.baseline import write_baseline
    from fishy_ros.model_package import load_model_package

    package = load_model_package(model)
    pictures = track(_normal(config, data, folder, images), "normal images", total=images)
    measured = write_baseline(package, pictures, runtime).baseline
    assert measured is not None, "a baseline that was written is there"
    typer.echo(f"{package.folder}: {measured.images} normal images; 1 %, 50 % and 99 % of them are below")
    for name, spread in measured.statistics.items():
        typer.echo(f"  {name:14} " + " ".join(f"{value:8.3f}" for value in spread))


def _normal(config: Path | None, data: str | None, folder: Path | None, count: int) -> Iterable[ImageArray]:
    from fishy_ros.datasets.images import image_files, read_image
    from fishy_ros.errors import ConfigError

    if folder is not None and config is None:
        files = image_files(folder)
        chosen = (
            sorted({round(index * (len(files) - 1) / max(1, count - 1)) for index in range(count)}) if files else []
        )
        return (read_image(files[index]) for index in chosen)
    if config is None or folder is not None:
        raise ConfigError("normal images are required: give either --config or --folder")
    from fishy_ros.training.precision.variants import training_pictures

    pictures = training_pictures(config, data, count)
    assert pictures is not None, "a configuration names pictures"
    return pictures()
