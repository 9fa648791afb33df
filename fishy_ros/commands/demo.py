"""`fishy demo`: render a street, play it through the real node, and show what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import Model, Runtime, check_output_folder

SHORT_FRAMES = 12


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the bag, the report, the video and pictures.")] = Path(
        "fishy_demo"
    ),
    frames: Annotated[int, typer.Option(help="Number of frames to render, at 10 Hz.", min=1)] = 60,
    short: Annotated[bool, typer.Option("--short", help=f"Only {SHORT_FRAMES} frames.")] = False,
    seed: Annotated[int, typer.Option(help="Random seed; each seed is another street.", min=0)] = 0,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Play at 10 Hz instead of waiting for each heatmap.")
    ] = False,
    model: Model = "fishy-s",
    runtime: Runtime = "auto",
) -> None:
    """Render a drive, replay it through the node over DDS, and write a report, a video and pictures."""
    check_output_folder(out)
    from fishy_ros.evaluation.live.run_replay import run_replay
    from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions, ReplayRequest
    from fishy_ros.evaluation.report.stage_progress import stage_progress
    from fishy_ros.evaluation.report.table import result_table
    from fishy_ros.evaluation.sources.demo_bag import write_demo_bag
    from fishy_ros.evaluation.sources.open_source import SourceChoice

    bag = out / "street"
    request = ReplayRequest(
        source=SourceChoice(bag=bag),
        detector=DetectorChoice(model, runtime),
        live=LiveOptions(lockstep=not real_time),
        out=out,
        video=True,
    )
    with stage_progress() as progress:
        count = SHORT_FRAMES if short else frames
        write_demo_bag(bag, count, seed, progress(f"rendering a street of {count} frames", count))
        result = run_replay(request, progress)
    for name, meaning in (
        ("report.html", "the report"),
        ("overlay.mp4", "the video"),
        ("overlay.webp", "the video"),
        ("pictures", "best, median and worst frames as RViz would show them"),
        ("street", "the bag; play it again with: fishy replay --bag"),
    ):
        if (out / name).exists():
            typer.echo(f"{out / name}  ({meaning})")
    typer.echo(result_table(result))
