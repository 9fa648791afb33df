"""A whole replay through a node: start or find it, play, score what it published, result."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from fishy_ros.bags.topics import IMAGE_TYPE
from fishy_ros.evaluation.live.replay_player import NodeAddress
from fishy_ros.evaluation.live.replay_session import replay_session
from fishy_ros.evaluation.live.topic_recorder import TopicRecorder, recording
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame, detected_frames
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore
from fishy_ros.evaluation.replay.live import replay_live, time_live
from fishy_ros.evaluation.replay.match import ROUND_TRIP, Playback
from fishy_ros.evaluation.replay.play import Lockstep, NodeChannel, Progress
from fishy_ros.evaluation.replay.published_classes import AfterClasses, PublishedClasses
from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions, StartStage
from fishy_ros.evaluation.result import ReplayResult, describe_model
from fishy_ros.evaluation.scoring.build_result import ComponentPass, build_result
from fishy_ros.evaluation.scoring.streaming import StreamingScorer, StreamingScores
from fishy_ros.evaluation.sources.source import FrameSource, UnreadableFrame
from fishy_ros.metrics.component import Track
from fishy_ros.node.dds import shared_memory_problem
from fishy_ros.runtimes.base import RuntimeInfo
from fishy_ros.topics import camera_info_topic
from fishy_ros.types import ScoreMap


def run_live(
    source: FrameSource,
    choice: DetectorChoice,
    options: LiveOptions,
    folder: Path,
    start_stage: StartStage,
    timing_frames: int = 0,
    on_detected: Callable[[DetectedFrame], object] = lambda detected: None,
    track: Track | None = None,
    streaming: bool = False,
    with_classes: bool = False,
) -> ReplayResult:
    """Play every frame of `source` through a detector node, then score what it published.

    Heatmaps are collected first and scored after the node has been stopped, so that scoring takes nothing from
    it. The log of a node of our own goes into `folder`, and heatmaps wait there for being scored. `track` asks for the
    component metrics, `streaming` for the accuracy of what had been published by the time of each frame;
    `with_classes` listens to the segmentation, too, which detected frames then hold.

    Raises:
        FishyError: the node cannot be started or reached, stopped answering, or a frame cannot be scored.
    """
    shared_memory = shared_memory_problem()  # before the session chooses a profile
    if shared_memory:
        start_stage(f"warning: {shared_memory}", 0)
    pacing = options.pacing(source.has_own_rate)
    extra: dict[str, object] = {}
    notes: tuple[str, ...] = ()
    with HeatmapStore(folder) as store, HeatmapStore(folder) as class_store:
        classes = PublishedClasses(class_store) if with_classes else None
        start_stage("starting the detector" if options.attach is None else f"looking for {options.attach}", 0)
        with (
            replay_session(choice, options, source.message_type, folder) as session,
            _recording(options, source.message_type) as recorder,
        ):
            channel: NodeChannel = session.player
            if classes is not None:
                session.player.hear_classes(classes.note, session.check)
                channel = AfterClasses(channel, classes) if isinstance(pacing, Lockstep) else channel
            progress = start_stage("playing", len(source))
            playback = replay_live(source, channel, pacing, store, progress, session.detector)
            if classes is not None:
                notes += _missing_classes(playback, classes)
            status = session.player.node_status()
            if timing_frames:
                timing_progress = start_stage(f"timing {timing_frames} frames", timing_frames)
                timing = time_live(source, session.player, timing_frames, folder, timing_progress, session.detector)
                extra["timing"] = asdict(timing)
        if recorder is not None:
            extra["recorded"] = {"path": str(options.record), "messages": recorder.count}
            notes += tuple(f"not recorded, because nobody publishes it: {topic}" for topic in recorder.left_out)
            notes += tuple(
                f"no message on {topic}: the /diagnostics of the recording may say why" for topic in recorder.silent
            )
        mode = "attach" if options.attach is not None else "lockstep" if isinstance(pacing, Lockstep) else "live"
        run = ReplayResult(
            mode=mode,
            source=source.describe(),
            model=None if options.attach is not None else describe_model(choice.load()),
            runtime=_runtime_of(status),
            warnings=(*source.warnings, *filter(None, [shared_memory]), *_warnings(playback), *notes),
            extra={**extra, "node": dict(status), "play_seconds": playback.duration_s},
        )
        components = None
        if track is not None:
            components = ComponentPass(track, lambda: detected_frames(source, playback, store, classes))
        frames = detected_frames(source, playback, store, classes)
        result = build_result(run, frames, start_stage("scoring", len(source)), on_detected, components)
        if streaming:
            progress = start_stage("scoring what had been published by then", len(source))
            result = replace(result, streaming=_score_streaming(source, playback, store, progress))
        return result


@contextmanager
def _recording(options: LiveOptions, message_type: str) -> Iterator[TopicRecorder | None]:
    """Record what the node hears and publishes, where that is asked for."""
    node = options.attach or NodeAddress().node
    image_topic = options.image_topic if message_type == IMAGE_TYPE else f"{options.image_topic}/compressed"
    heard = (image_topic, camera_info_topic(options.image_topic))
    with recording(options.record, node, (*heard, "/diagnostics"), options.domain_id) as recorder:
        yield recorder


def _missing_classes(playback: Playback, classes: PublishedClasses) -> tuple[str, ...]:
    """Wait for the segmentations that are still under way; say how many frames have a heatmap and none."""
    missing = classes.wait_for([frame.stamp_ns for frame in playback.frames if frame.stored is not None])
    if not missing:
        return ()
    return (f"{missing} frames came without a segmentation: none of their regions counts as on the drivable area",)


def _score_streaming(
    source: FrameSource, playback: Playback, store: HeatmapStore, progress: Progress
) -> StreamingScores | None:
    """Compare each label with the newest heatmap that had arrived when its image was played."""
    taken = [frame.sent_ns / 1e9 for frame in playback.frames]
    arrived = [
        sent + frame.stages_ms[ROUND_TRIP] / 1e3 if frame.stored is not None else math.nan
        for sent, frame in zip(taken, playback.frames, strict=True)
    ]

    def read(index: int) -> ScoreMap:
        stored = playback.frames[index].stored
        assert stored is not None, "only frames whose heatmap has arrived are read"
        return store.read(stored)

    scorer = StreamingScorer(taken, arrived, read)
    places = {frame.index: place for place, frame in enumerate(playback.frames)}
    for index, sample in enumerate(source.samples()):
        if index in places and not isinstance(sample, UnreadableFrame) and sample.labels is not None:
            scorer.add(places[index], sample.labels, sample.id)
        progress(index + 1)
    return scorer.compute()


def _warnings(playback: Playback) -> tuple[str, ...]:
    warnings = list(playback.notes)
    warnings += [f"frame {frame}: its heatmap arrived twice; the first one counts" for frame in playback.duplicates]
    if playback.unexpected:
        warnings.append(f"{playback.unexpected} heatmaps belonged to no frame that was played")
    return tuple(warnings)


def _runtime_of(status: Mapping[str, str]) -> RuntimeInfo | None:
    if "runtime" not in status:
        return None
    name, _, version = status["runtime"].partition(" ")
    return RuntimeInfo(name, status.get("device", ""), version, status.get("runtime_detail", ""))
