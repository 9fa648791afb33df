"""Carry out a replay request and write its report."""

from __future__ import annotations

import importlib.util
import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fishy_ros.errors import RuntimeUnavailableError
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.evaluation.replay.frame_count import with_frame_count_checked
from fishy_ros.evaluation.replay.region_pass import RegionPass
from fishy_ros.evaluation.replay.request import ReplayRequest, StartStage
from fishy_ros.evaluation.replay.run_files import LOG_FILE
from fishy_ros.evaluation.replay.run_offline import run_offline
from fishy_ros.evaluation.replay.video import OverlayVideo
from fishy_ros.evaluation.report.report import write_report
from fishy_ros.evaluation.result import ReplayResult
from fishy_ros.evaluation.sources.source import FrameSource
from fishy_ros.metrics.component import find_track
from fishy_ros.types import Sample

ATTACHED_THRESHOLD = 0.5
"""Where overlays of a node elsewhere get their outline; its model's own threshold is not known here."""


def run_replay(request: ReplayRequest, start_stage: StartStage) -> ReplayResult:
    """Replay, score, and write the report where one is asked for.

    Raises:
        FishyError: something that the replay needs is missing or failed; the message names it.
    """
    source = request.source.open()
    has_video = request.video or (request.out is not None and not _has_ground_truth(source))
    with _folder(request.out) as folder, _overlays(request, folder, has_video) as show:
        regions = _region_pass(request, source)

        def on_detected(detected: DetectedFrame) -> None:
            show(detected)
            if regions is not None:
                regions.add(detected)

        result = _replay(request, source, folder, start_stage, on_detected)
        result = with_frame_count_checked(result, source)
        if regions is not None:
            result = regions.add_to(result)
        if request.out is not None:
            has_log = request.live is not None and not request.is_elsewhere
            write_report(result, request.out, kept=[LOG_FILE] if has_log else [])
    return result


def require_ros() -> None:
    """Check that the ROS client library is installed.

    Raises:
        RuntimeUnavailableError: it is not; the message says what helps.
    """
    if importlib.util.find_spec("rclpy") is None:
        raise RuntimeUnavailableError(
            "a replay through the node needs rclpy: source a ROS 2 distribution, install fishy_ros[ros], "
            "or replay in process with --offline"
        )


def _replay(
    request: ReplayRequest,
    source: FrameSource,
    folder: Path,
    start_stage: StartStage,
    on_detected: Callable[[DetectedFrame], object],
) -> ReplayResult:
    track = find_track(request.components) if request.components else None
    if request.live is None:
        return run_offline(source, request.detector, start_stage, request.timing_frames, on_detected, track)
    require_ros()
    from fishy_ros.evaluation.live.run_live import run_live

    return run_live(
        source,
        request.detector,
        request.live,
        folder,
        start_stage,
        request.timing_frames,
        on_detected,
        track,
        request.streaming,
        with_classes=request.regions is not None and bool(request.regions.drivable),
    )


def _region_pass(request: ReplayRequest, source: FrameSource) -> RegionPass | None:
    if request.regions is None:
        return None
    rate_hz = request.live.rate_hz if request.live is not None else request.offline_rate_hz
    return RegionPass(request.regions, source, None if request.is_elsewhere else request.detector.load(), rate_hz)


def _has_ground_truth(source: FrameSource) -> bool:
    """Look at the first frame that can be read."""
    readable = (sample for sample in source.samples() if isinstance(sample, Sample))
    return any(sample.labels is not None for sample in itertools.islice(readable, 1))


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="fishy-replay-") as folder:
        yield Path(folder)


@contextmanager
def _overlays(request: ReplayRequest, folder: Path, has_video: bool) -> Iterator[Callable[[DetectedFrame], object]]:
    if not has_video:
        yield lambda detected: None
        return
    with OverlayVideo(folder, _threshold(request)) as video:
        yield video.add


def _threshold(request: ReplayRequest) -> float:
    if request.live is not None and request.live.attach is not None:
        return ATTACHED_THRESHOLD
    return request.detector.load().calibration.default_threshold
