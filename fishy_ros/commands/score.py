"""`fishy score`: score saved maps of any method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import check_output_folder


def score(
    scores: Annotated[
        Path,
        typer.Option(help="Folder with NAME.npy, .npz, .h5 or .tiff, one number per pixel, larger is more anomalous."),
    ],
    labels: Annotated[Path, typer.Option(help="Folder with NAME.png: 0 normal, 1 anomaly, 255 ignored.")],
    images: Annotated[Path | None, typer.Option(help="Folder with the images, shown in the report.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for report.json, report.html and pictures.")] = None,
    components: Annotated[
        str | None,
        typer.Option(
            help="Also compute component metrics, for the track 'anomaly' or 'obstacle'; takes a second pass."
        ),
    ] = None,
) -> None:
    """Score saved maps of any method against labels: AP, AUROC and FPR95, pooled and per image, and more.

    Those of a head of this project come from `fishy evaluate --maps DIR`: --scores DIR/SET/HEAD.
    Maps of another size than their labels are resized bilinearly. Names may be equal, or those of Fishyscapes
    (NNNN_ID_labels.png) and SegmentMeIfYouCan (ID_labels_semantic.png).
    """
    if out is not None:
        check_output_folder(out)
    from rich.console import Console
    from rich.progress import Progress

    from fishy_ros.evaluation.report.report import write_report
    from fishy_ros.evaluation.report.table import result_table
    from fishy_ros.evaluation.result import FrameCounts, ReplayResult, SourceDescription
    from fishy_ros.evaluation.scoring.evaluate import score_frames
    from fishy_ros.evaluation.scoring.saved_maps import SavedMaps
    from fishy_ros.metrics.component import find_track

    track = find_track(components) if components else None
    maps = SavedMaps(scores, labels, images)
    with Progress(transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("scoring", total=len(maps))
        summary = score_frames(maps.readable, track, lambda done: bar.update(task, completed=done))
    played, missing = len(maps) + len(maps.unscored), len(maps.unscored) + len(maps.unreadable)
    result = ReplayResult(
        mode="maps",
        source=SourceDescription("maps", f"{scores} against {labels}", maps.sha256),
        frames=FrameCounts(played, played - missing, missing),
        score=summary,
        warnings=maps.warnings,
    )
    if out is not None:
        write_report(result, out)
    typer.echo(result_table(result))
