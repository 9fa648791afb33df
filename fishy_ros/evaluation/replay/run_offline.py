"""A whole offline replay: detector, frames, scores, result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

from fishy_ros.evaluation.replay.answer import Answer
from fishy_ros.evaluation.replay.offline import replay_offline
from fishy_ros.evaluation.replay.request import DetectorChoice, StartStage
from fishy_ros.evaluation.replay.spool import HeatmapSpool, SpoolSlot
from fishy_ros.evaluation.replay.timing import time_detector
from fishy_ros.evaluation.result import ReplayResult, describe_model
from fishy_ros.evaluation.scoring.build_result import ComponentPass, RunDescription, build_result
from fishy_ros.evaluation.sources.source import FrameSource
from fishy_ros.metrics.component import Track


def run_offline(
    source: FrameSource,
    choice: DetectorChoice,
    start_stage: StartStage,
    timing_frames: int = 0,
    on_answer: Callable[[Answer], object] = lambda answer: None,
    track: Track | None = None,
) -> ReplayResult:
    """Run a detector in this process on every frame of `source` and score it.

    `timing_frames` frames more are timed by themselves; `on_answer` sees every answer; `track` asks for the component
    metrics, for which the heatmaps are kept in a temporary file.

    Raises:
        FishyError: the detector cannot be loaded, or a frame cannot be read, detected or scored.
    """
    with choice.open() as detector:
        extra: dict[str, object] = {}
        if timing_frames:
            start_stage(f"timing {timing_frames} frames", timing_frames)
            extra["timing"] = asdict(time_detector(detector, source, timing_frames))
        run = RunDescription(
            mode="offline",
            source=source.describe(),
            model=describe_model(detector.package),
            runtime=detector.runtime_info,
            warnings=tuple(note.text for note in detector.selection_notes if note.level == "warning"),
            extra=extra,
        )
        progress = start_stage("detecting and scoring", len(source))
        answers = replay_offline(source, detector)
        if track is None:
            return build_result(run, answers, progress, on_answer)
        with HeatmapSpool() as spool:
            kept: list[SpoolSlot] = []
            again = ComponentPass(track, lambda: _read_again(source, kept, spool))
            return build_result(run, _keep(answers, kept, spool), progress, on_answer, again)


def _keep(answers: Iterable[Answer], kept: list[SpoolSlot], spool: HeatmapSpool) -> Iterator[Answer]:
    for answer in answers:
        assert answer.score is not None
        kept.append(spool.append(answer.score))
        yield answer


def _read_again(source: FrameSource, kept: list[SpoolSlot], spool: HeatmapSpool) -> Iterator[Answer]:
    for sample, slot in zip(source.samples(), kept, strict=True):
        yield Answer(sample, spool.read(slot))
