"""Replay through a running node: warm it up, play every frame, collect what comes back."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fishy_ros.evaluation.replay.detector_process import DetectorProcess
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore
from fishy_ros.evaluation.replay.match import Playback, Recorder
from fishy_ros.evaluation.replay.play import Lockstep, NodeChannel, Pacing, Progress, play, warm_up
from fishy_ros.evaluation.replay.timing import Timing, summarize_times
from fishy_ros.evaluation.sources.prefetch import Prefetch
from fishy_ros.evaluation.sources.source import FrameSource, readable_frames, repeat

READ_AHEAD = 8
"""Frames that are decoded ahead of the one being played."""


def replay_live(
    source: FrameSource,
    channel: NodeChannel,
    pacing: Pacing,
    store: HeatmapStore,
    progress: Progress,
    detector: DetectorProcess | None = None,
) -> Playback:
    """Play `source` into the node behind `channel`; its heatmaps are kept in `store`.

    The first frame that can be decoded is played beforehand until its heatmap comes back, which is not part of the
    result. Where the node is a process of our own, `detector`, its end ends the replay.

    Raises:
        ReplayError: there are no frames, the node cannot be reached, stopped answering or ended.
    """
    warm_up_recorder, recorder = Recorder(store), Recorder(store)
    with watched(detector, warm_up_recorder, recorder):
        warm_up(next(readable_frames(source)), channel, warm_up_recorder)
        notes = play(Prefetch(source.play_frames(), READ_AHEAD), channel, recorder, pacing, progress)
    return recorder.playback(notes)


def time_live(
    source: FrameSource,
    channel: NodeChannel,
    frames: int,
    folder: Path,
    progress: Progress,
    detector: DetectorProcess | None = None,
) -> Timing:
    """Time `frames` frames through the node, one after the other, going round the first ones of `source`.

    The node has to be warm. Images wait in memory; heatmaps go to a store in `folder` that nobody reads.

    Raises:
        ReplayError: the node stopped answering or ended, or publishes no latency.
    """
    in_memory = list(itertools.islice(readable_frames(source), READ_AHEAD))
    with HeatmapStore(folder) as store:
        recorder = Recorder(store)
        with watched(detector, recorder):
            play(repeat(in_memory, frames), channel, recorder, Lockstep(), progress)
        playback = recorder.playback()
    times = (frame.stages_ms["total"] for frame in playback.frames if "total" in frame.stages_ms)
    return summarize_times(times, "image received by the node to heatmap published")


@contextmanager
def watched(detector: DetectorProcess | None, *recorders: Recorder) -> Iterator[None]:
    """Let every wait of the recorders fail when the process of the node ends; nothing where it is not our own."""
    if detector is None:
        yield
        return
    finished = threading.Event()

    def watch() -> None:
        while not finished.is_set():
            if detector.wait(0.2):
                for recorder in recorders:
                    recorder.fail(detector.failure("the detector node ended during the replay"))
                return

    watcher = threading.Thread(target=watch, name="detector_watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
