"""`fishy detect`: find anomalies in pictures, folders, videos, bags or a camera, and write results to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fishy_ros.commands import options

if TYPE_CHECKING:
    from fishy_ros.evaluation.detect.run import DetectSummary

SHOWN_FAILURES: int = 5


def detect(
    source: Annotated[
        list[str], typer.Argument(help="Pictures, folders, patterns ('*.png'), videos, bags, or the index of a camera.")
    ],
    out: Annotated[
        Path,
        typer.Option(help="Output folder; an interrupted run into it resumes. Folders and patterns leave it out."),
    ] = Path("fishy_detect"),
    write: Annotated[
        list[str] | None,
        typer.Option(
            help="overlay, mask, npy, png16, hdf5 or video; repeatable. Default: overlays, or videos for videos."
        ),
    ] = None,
    model: options.Model = "fishy-s",
    runtime: options.Runtime = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    threads: options.Threads = 0,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Score at which a pixel counts as anomalous. Default: the threshold of the model.", min=0, max=1
        ),
    ] = None,
    threshold_low: Annotated[
        float | None,
        typer.Option(help="Score down to which a region grows (hysteresis). Default: the threshold.", min=0, max=1),
    ] = None,
    smallest: options.Smallest = 1,
    drivable: Annotated[
        str,
        typer.Option(help="Report only regions that stand on these classes, such as 'road,sidewalk'. Default: all."),
    ] = "",
    image_topic: Annotated[str | None, typer.Option(help="Image topic to read, if a bag has several cameras.")] = None,
    max_images: Annotated[int | None, typer.Option(help="Stop each source after this many images.", min=1)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start over instead of resuming.")] = False,
    trusted_key: options.TrustedKey = "",
) -> None:
    """Find anomalies in SOURCE... and write overlays, masks, raw maps, videos, and a line of regions for every image.

    Exit status 1 says that some images could not be read.
    """
    from fishy_ros.detector import AnomalyDetector
    from fishy_ros.errors import ConfigError
    from fishy_ros.evaluation.detect.inputs import open_sources
    from fishy_ros.evaluation.detect.journal import FILE
    from fishy_ros.evaluation.detect.outputs import choose_kinds
    from fishy_ros.evaluation.detect.run import DetectPlan, detect_in
    from fishy_ros.evaluation.report.stage_progress import stage_progress
    from fishy_ros.model_package import load_model_package
    from fishy_ros.obstacles import RegionRules

    options.check_output_folder(out)
    kinds = tuple(dict.fromkeys(write or ()))
    choose_kinds(kinds, moves=False)
    sources = open_sources(source, image_topic, out=out)
    if kinds == ("video",) and not any(one.moves for one in sources):
        raise ConfigError("--write video: videos are made of videos, bags and cameras only; expected overlay, or none")
    package = load_model_package(model, trusted_key)
    level = package.calibration.default_threshold if threshold is None else threshold
    rules = RegionRules(level, threshold_low, smallest, package.class_ids(drivable))
    plan = DetectPlan(out, kinds, rules, precision, max_images, overwrite)
    with stage_progress(f"the same command goes on, results in {out}") as progress:
        progress(f"loading {package.name}", 0)
        with AnomalyDetector(package, runtime, device, precision, threads) as detector:
            summary = detect_in(sources, detector, plan, progress)
    typer.echo(_describe(summary, out))
    for failure in summary.failed[:SHOWN_FAILURES]:
        typer.echo(f"not read: {failure}", err=True)
    if len(summary.failed) > SHOWN_FAILURES:
        typer.echo(f"and {len(summary.failed) - SHOWN_FAILURES} more, in {out / FILE}", err=True)
    if summary.failed:
        raise typer.Exit(1)


def _describe(summary: DetectSummary, out: Path) -> str:
    lines = [f"{summary.done} images, {summary.with_regions} with anomalous regions; results in {out}"]
    if summary.skipped:
        lines.append(f"{summary.skipped} were done before")
    if summary.failed:
        lines.append(f"{len(summary.failed)} could not be read")
    if summary.done:
        stages = ", ".join(f"{stage} {value:.1f}" for stage, value in summary.medians_ms.items())
        lines.append(f"{summary.done / summary.seconds:.1f} images a second; median ms: {stages}")
    return "\n".join(lines)
