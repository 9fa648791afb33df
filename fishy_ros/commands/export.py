"""`fishy export`: turn a trained and calibrated network into a model package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import DataRoot, NetworkHeight, NetworkWidth


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Trained weights (.safetensors) or a checkpoint (last.pt).")],
    out: Annotated[Path, typer.Argument(help="Folder of the model package, such as models/fishy-s.")],
    description: Annotated[
        Path, typer.Option(help="YAML file with name, version, description, license, training_data and card.")
    ],
    calibration: Annotated[
        Path | None, typer.Option(help="Output folder of `fishy calibrate`. Default: the folder of the checkpoint.")
    ] = None,
    score: Annotated[
        list[str] | None,
        typer.Option(
            help="Further score of the same network, NAME=FOLDER with the output of `fishy calibrate`; repeatable. It "
            "is then used as MODEL:NAME."
        ),
    ] = None,
    report: Annotated[
        list[str] | None,
        typer.Option(help="Replay report of this model to quote in its card, NAME=report.json; repeatable."),
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help="Precision to write besides fp32: fp16 or int8; repeatable. See `fishy convert`."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Training configuration that names the normal images, needed for int8 and the baseline."),
    ] = None,
    data: DataRoot = None,
    images: Annotated[int, typer.Option(help="Number of training images used to calibrate int8.", min=1)] = 64,
    baseline_images: Annotated[
        int,
        typer.Option(help="Number of training images for the baseline and reduced sizes; 0 writes no baseline.", min=0),
    ] = 200,
    reduced: Annotated[
        list[str] | None,
        typer.Option(help="Smaller input size for the degraded mode of the node, such as 256x512; repeatable."),
    ] = None,
    height: NetworkHeight = 512,
    width: NetworkWidth = 1024,
) -> None:
    """Export network, head and calibration as a model package with one ONNX graph.

    With --config, the package also says what normal input looks like (`fishy baseline` does that alone).
    --precision int8 and --reduced give the node something to fall back on where it misses its deadline.
    """
    from fishy_ros.drift.baseline import write_baseline
    from fishy_ros.errors import ConfigError
    from fishy_ros.model_package.description import FULL_PRECISION
    from fishy_ros.training.package import build_package
    from fishy_ros.training.precision.variants import add_precisions, check_precisions, training_pictures
    from fishy_ros.training.reduced import add_reduced_size, parse_size

    wanted = [name for name in precision or [] if name != FULL_PRECISION]
    pictures = training_pictures(config, data, images)
    check_precisions(wanted, pictures)
    sizes = [parse_size(text, height, width) for text in reduced or []]
    normal = training_pictures(config, data, baseline_images)
    if sizes and normal is None:
        raise ConfigError("--reduced needs normal images: give --config")
    reports, scores = _paths(report), _paths(score)
    folder = calibration or checkpoint.parent
    package = build_package(checkpoint, folder, description, out, height, width, reports, scores)
    package = add_precisions(package, wanted, pictures)
    if normal is not None:
        for size in sizes:
            package = add_reduced_size(package, checkpoint, folder, size, normal(), scores)
        if baseline_images:
            for name in scores:
                write_baseline(package.with_score(name), normal())
            package = write_baseline(package, normal())
    typer.echo(
        f"{package.folder}: {package.name} {package.version}, sha256 {package.sha256}, {', '.join(package.precisions)}"
    )


def _paths(entries: list[str] | None) -> dict[str, Path]:
    return {name: Path(path) for name, _, path in (entry.partition("=") for entry in entries or [])}
