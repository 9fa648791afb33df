"""Replay in this process: no bus, no pacing, the same detector."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fishy_ros.detector import AnomalyDetector
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.evaluation.sources.prefetch import Prefetch
from fishy_ros.evaluation.sources.source import FrameSource, UnreadableFrame, nothing_to_play

READ_AHEAD = 2


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
