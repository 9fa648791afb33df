"""`fishy convert`: give a model package graphs of lower precision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import DataRoot
from fishy_ros.model_package.finding import DEFAULT_MODEL


def convert(
    model: Annotated[str, typer.Argument(help="Model package, changed in place: a name or a path.")] = DEFAULT_MODEL,
    precision: Annotated[list[str] | None, typer.Option(help="fp16 or int8; repeatable. Default: both.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Training configuration that names the normal images, needed for int8.")
    ] = None,
    data: DataRoot = None,
    images: Annotated[int, typer.Option(help="Number of training images used to calibrate activations.", min=1)] = 64,
) -> None:
    """Add FP16 and INT8 graphs, made from the float32 graph, to a model package."""
    from fishy_ros.model_package import load_model_package
    from fishy_ros.training.precision.variants import PRECISIONS, add_precisions, training_pictures

    package = load_model_package(model)
    converted = add_precisions(package, precision or PRECISIONS, training_pictures(config, data, images))
    for name, graph in converted.variants.items():
        typer.echo(f"{graph.path}: {name}, {graph.path.stat().st_size / 1e6:.1f} MB, sha256 {graph.sha256}")
