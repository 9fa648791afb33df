"""Replay in this process: no bus, no pacing, the same detector."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

from fishy_ros.detector import AnomalyDetector
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore, StoredHeatmap
from fishy_ros.evaluation.replay.request import DetectorChoice, StartStage
from fishy_ros.evaluation.replay.timing import time_detector
from fishy_ros.evaluation.result import ReplayResult, describe_model
from fishy_ros.evaluation.scoring.build_result import ComponentPass, build_result
from fishy_ros.evaluation.sources.prefetch import Prefetch
from fishy_ros.evaluation.sources.source import FrameSource, UnreadableFrame, nothing_to_play
from fishy_ros.metrics.component import Track

READ_AHEAD = 2


def run_offline(
    source: FrameSource,
    choice: DetectorChoice,
    start_stage: StartStage,
    timing_frames: int = 0,
    on_detected: Callable[[DetectedFrame], object] = lambda detected: None,
    track: Track | None = None,
) -> ReplayResult:
    """Run a detector in this process on every frame of `source` and score it.

    `timing_frames` frames more are timed by themselves; `on_detected` sees every frame; `track` asks for the component
    metrics, for which the heatmaps are kept in a temporary file.

    Raises:
        FishyError: the detector cannot be loaded, or a frame cannot be read, detected or scored.
    """
    with choice.open() as detector:
        extra: dict[str, object] = {}
        if timing_frames:
            start_stage(f"timing {timing_frames} frames", timing_frames)
            extra["timing"] = asdict(time_detector(detector, source, timing_frames))
        run = ReplayResult(
            mode="offline",
            source=source.describe(),
            model=describe_model(detector.package),
            runtime=detector.runtime_info,
            warnings=(
                *source.warnings,
                *(note.text for note in detector.selection_notes if note.level == "warning"),
            ),
            extra=extra,
        )
        progress = start_stage("detecting and scoring", len(source))
        detected_frames = replay_offline(source, detector)
        if track is None:
            return build_result(run, detected_frames, progress, on_detected)
        with HeatmapStore() as store:
            kept: list[StoredHeatmap | None] = []
            again = ComponentPass(track, lambda: _read_again(source, kept, store))
            return build_result(run, _keep(detected_frames, kept, store), progress, on_detected, again)


def replay_offline(
    source: FrameSource, detector: AnomalyDetector, start: int = 0, stop: int | None = None
) -> Iterator[DetectedFrame]:
    """Run `detector` on frames `start` to `stop` (exclusive) of `source` and yield its heatmaps.

    The engine is warmed up on the first frame that can be read. Latencies are those of `detect`, by stage and in
    `total`.

    Raises:
        ReplayError: there are no frames.
    """
    if not len(source):
        raise nothing_to_play(source)
    is_warm = False
    for sample in Prefetch(source.samples(start, stop), READ_AHEAD):
        if isinstance(sample, UnreadableFrame):
            yield DetectedFrame(sample, None)
            continue
        if not is_warm:
            detector.detect(sample.image)
            is_warm = True
        started = time.perf_counter()
        detection = detector.detect(sample.image)
        total_ms = (time.perf_counter() - started) * 1e3
        yield DetectedFrame(sample, detection.score, {**detection.timings_ms, "total": total_ms}, detection.labels)


def _keep(
    detected_frames: Iterable[DetectedFrame], kept: list[StoredHeatmap | None], store: HeatmapStore
) -> Iterator[DetectedFrame]:
    for detected in detected_frames:
        kept.append(None if detected.score is None else store.append(detected.score))
        yield detected


def _read_again(source: FrameSource, kept: list[StoredHeatmap | None], store: HeatmapStore) -> Iterator[DetectedFrame]:
    for sample, slot in zip(source.samples(), kept, strict=True):
        yield DetectedFrame(sample, None if slot is None or isinstance(sample, UnreadableFrame) else store.read(slot))
