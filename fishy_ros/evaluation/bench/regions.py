"""Measure what mask, markers and points of a node add to the time of a frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fishy_ros.datasets.images import image_files, read_image
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.bench.detect import street_pictures
from fishy_ros.evaluation.bench.methods import Method, MethodRunner
from fishy_ros.evaluation.bench.result import BenchResult, collect
from fishy_ros.evaluation.bench.sampling import Plan, Stages, sample
from fishy_ros.evaluation.live.run_replay import require_ros
from fishy_ros.types import Detection, ImageArray

CONSECUTIVE = 12
"""So many frames of a drive go round and round, so that regions are followed."""
WAYS: tuple[str, ...] = ("heatmap alone", "~/mask", "~/mask, ~/obstacles", "~/mask, ~/obstacles, ~/markers")
"""What a robot acts on, and, last, what people look at."""


def run_regions(method: Method, pictures: Path | None, plan: Plan, progress: Callable[[], None]) -> BenchResult:
    """Measure frames without regions, with the mask, with points, and with everything that is made of regions.

    Messages are built and serialised, but not sent. `regions` is the sum of what regions add.

    Args:
        method: the detector; its image size is that of the camera.
        pictures: folder with the frames of a drive; None renders a street.
        plan: how much is measured.
        progress: called after every turn.

    Raises:
        FishyError: the detector does not start, there are no pictures, or ROS does not start.
    """
    require_ros()
    from fishy_ros.evaluation.bench.probes.region_work import region_work

    frames = street_pictures(CONSECUTIVE) if pictures is None else _drive(pictures)
    runner = MethodRunner(method, frames)
    package = runner.detector.package
    size = (method.height, method.width)
    try:
        with region_work(package, package.calibration.default_threshold, size) as work:
            adds = dict(zip(WAYS, (lambda detection: {}, work.mask, work.points, work.everything), strict=True))
            methods = {name: _with(runner, add) for name, add in adds.items()}
            samples = sample(methods, plan, progress)
    finally:
        runner.detector.close()
    configurations = {name: runner.configuration() for name in WAYS}
    return collect("regions", samples, configurations, plan)


def _with(runner: MethodRunner, add: Callable[[Detection], Stages]) -> Callable[[], Stages]:
    def run() -> Stages:
        detection = runner.detect()
        return {"inference": detection.timings_ms["inference"], **add(detection)}

    return run


def _drive(folder: Path) -> list[ImageArray]:
    files = image_files(folder)[:CONSECUTIVE]
    if not files:
        raise ConfigError(f"{folder}: no pictures in this folder")
    return [read_image(file) for file in files]
