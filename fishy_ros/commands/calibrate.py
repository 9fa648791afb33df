"""`fishy calibrate`: measure statistics and calibration of a trained network on normal images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import DataRoot, NetworkHeight, NetworkWidth


def calibrate(
    config: Annotated[Path, typer.Argument(help="Training configuration that names the normal images.")],
    checkpoint: Annotated[Path, typer.Argument(help="Trained weights (.safetensors) or a checkpoint (last.pt).")],
    head: Annotated[str, typer.Option(help="Anomaly head that produces the heatmap.")] = "dissimilarity",
    out: Annotated[Path | None, typer.Option(help="Output folder. Default: the folder of the checkpoint.")] = None,
    data: DataRoot = None,
    images: Annotated[int, typer.Option(help="Number of training images to use.", min=1)] = 200,
    objects: Annotated[
        Path | None, typer.Option(help="Objects to paste into training images, for heads fitted on anomalies.")
    ] = None,
    statistics: Annotated[
        Path | None,
        typer.Option(help="File of what heads learn from images; what it holds is not measured, nor trained, again."),
    ] = None,
    height: NetworkHeight = 512,
    width: NetworkWidth = 1024,
    fovea: Annotated[
        bool,
        typer.Option(
            "--fovea",
            help="Look at the image at half of this size, and again at the road ahead at full size; such as "
            "1024x2048. The package is then exported so, too.",
        ),
    ] = False,
) -> None:
    """Calibrate a head on normal images; writes `statistics.safetensors` and `calibration.json`."""
    from rich.progress import track

    from fishy_ros.files import file_sha256
    from fishy_ros.training.calibrate import measure_calibration, normal_images
    from fishy_ros.training.checkpoint import load_model
    from fishy_ros.training.config import load_train_config
    from fishy_ros.training.heads.registry import create_head, require_in_graph
    from fishy_ros.training.heads.spec import Statistics
    from fishy_ros.training.pasted import pasted_images
    from fishy_ros.training.statistics import load_statistics, measure_statistics, save_statistics

    require_in_graph(head)
    settings = load_train_config(config, data)
    model = load_model(checkpoint)
    folder = out or checkpoint.parent
    folder.mkdir(parents=True, exist_ok=True)
    sources = settings.open_sources()
    street = list(track(normal_images(sources, images, height, width), "reading images", total=images))
    pasted = pasted_images(sources, objects, images, height, width) if objects else None
    sha256 = file_sha256(checkpoint)
    known = Statistics() if statistics is None else load_statistics(statistics, sha256)
    found = measure_statistics(model, [head], track(street, "statistics"), pasted, known)
    save_statistics(folder / "statistics.safetensors", found, sha256)
    measured = measure_calibration(head, model, create_head(head, model, found), track(street, "calibration"), fovea)
    measured.save(folder / "calibration.json")
    for share, threshold in zip(measured.shares, measured.thresholds, strict=True):
        typer.echo(f"heatmap above {threshold:.4f}: {100 * share:g} % of normal pixels")
