"""The programs of `fishy bench node`, `start` and `memory`: each measures one running node, in a process of its own.

A process keeps the DDS profile that it began with. `python -m fishy_ros.evaluation.bench.probes.measure NAME` reads a
`PathRequest` as JSON from the standard input and writes what it measured as JSON to the standard output.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping

from fishy_ros.errors import FishyError, ReplayError
from fishy_ros.evaluation.bench.bus_path import AGE, AROUND, ARRIVE, HANDLING, NODE_STAGES, PATH, PathRequest
from fishy_ros.evaluation.bench.probes.measured_node import measured_node
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore
from fishy_ros.evaluation.replay.live import watched
from fishy_ros.evaluation.replay.match import ROUND_TRIP, Playback, Recorder
from fishy_ros.evaluation.replay.play import Lockstep, play, warm_up
from fishy_ros.evaluation.soak.process_stats import process_stats
from fishy_ros.evaluation.sources.source import repeat
from fishy_ros.types import ScoreMap

_WARM_UP_FRAMES = 5
_PATIENCE_S = 5.0
_PERIOD_S = 0.05
"""Of the camera that already runs while a node starts."""
_START_PATIENCE_S = 60.0
_READINGS = 100
_MEMORY_PATIENCE_S = 10.0


class HeatmapCounter:
    """A `Listener` that only counts; one thread plays and waits, another one receives."""

    def __init__(self) -> None:
        self.count = 0
        """Heatmaps so far."""
        self.first_at = 0.0
        """When the first one arrived, by `time.perf_counter`."""
        self._changed = threading.Condition()

    def note_heatmap(self, stamp_ns: int, score: ScoreMap) -> None:
        """Count one."""
        with self._changed:
            if self.count == 0:
                self.first_at = time.perf_counter()
            self.count += 1
            self._changed.notify_all()

    def note_latency(self, stamp_ns: int, stages_ms: Mapping[str, float]) -> None:
        """Ignore it."""

    def note_unreadable(self, reason: str) -> None:
        """Ignore it: a heatmap that cannot be read is not counted."""

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """Wait until there are `count` heatmaps; False when there are not after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, timeout_s)


def measure_path(request: PathRequest) -> dict[str, object]:
    """Play frames one after the other through the method and return the stages of each in ms, and how many were lost.

    Raises:
        FishyError: the node cannot be started, or does not answer.
    """
    with measured_node(request) as node, HeatmapStore(node.folder) as store, HeatmapStore(node.folder) as ignored:
        recorder = Recorder(store)
        with watched(node.detector, recorder):
            warm_up(node.pictures[0], node.player, Recorder(ignored))
            frames = repeat(node.pictures, request.frames + _WARM_UP_FRAMES)
            play(frames, node.player, recorder, Lockstep(_PATIENCE_S), lambda done: None)
        return _path_of(recorder.playback())


def measure_start(request: PathRequest) -> dict[str, object]:
    """Start the node, play frames until one comes back, and return how many ms each part took.

    Raises:
        FishyError: the node cannot be started, or gives no heatmap.
    """
    with measured_node(request) as node:
        counter = HeatmapCounter()
        node.player.listen(counter)
        while counter.count == 0:
            if time.perf_counter() > node.connected_at + _START_PATIENCE_S:
                raise ReplayError(f"the node gave no heatmap within {_START_PATIENCE_S:g} s of its activation")
            node.detector.check()
            node.player.publish(node.pictures[0], time.time_ns())
            counter.wait_for(1, _PERIOD_S)
        first = counter.first_at
    stages = {
        "start": node.active_at - node.started_at,
        "connect": node.connected_at - node.active_at,
        "first frame": first - node.connected_at,
    }
    return {"stages_ms": {stage: seconds * 1e3 for stage, seconds in stages.items()}}


def measure_memory(request: PathRequest) -> dict[str, object]:
    """Play frames one after the other; return the resident memory after every hundredth of them, and the missing.

    Raises:
        FishyError: the node cannot be started, or stops to answer.
    """
    every = max(1, request.frames // _READINGS)
    readings: list[tuple[int, int]] = []
    missing = 0
    with measured_node(request) as node:
        counter = HeatmapCounter()
        node.player.listen(counter)
        for played in range(request.frames):
            before = counter.count
            node.player.publish(node.pictures[played % len(node.pictures)], time.time_ns())
            missing += not counter.wait_for(before + 1, _MEMORY_PATIENCE_S)
            node.detector.check()
            if missing > max(3, request.frames // 100):
                raise ReplayError(
                    f"{missing} of {played + 1} frames got no heatmap within {_MEMORY_PATIENCE_S:g} s each"
                )
            if (played + 1) % every == 0:
                readings.append((played + 1, process_stats(node.detector.pid).rss_bytes))
    return {"readings": readings, "missing": missing}


def main() -> None:
    """Measure what the command line names; an expected error ends the process with one line and status 2."""
    measure = {"path": measure_path, "start": measure_start, "memory": measure_memory}[sys.argv[1]]
    try:
        result = measure(PathRequest(**json.load(sys.stdin)))
    except FishyError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    json.dump(result, sys.stdout)


def _path_of(playback: Playback) -> dict[str, object]:
    counted = playback.frames[_WARM_UP_FRAMES:]
    scored = [_stages(frame.stages_ms) for frame in counted if frame.stored is not None and AGE in frame.stages_ms]
    if not scored:
        raise ReplayError("no frame came back with its latency")
    return {"stages_ms": scored, "lost": sum(frame.stored is None for frame in counted)}


def _stages(reported: Mapping[str, float]) -> dict[str, float]:
    """Break the age of a heatmap down so that it adds up, whatever the node says of the time before it decodes."""
    own = {stage: reported[stage] for stage in NODE_STAGES if stage in reported}
    return {
        ARRIVE: reported[AGE] - sum(own.values()),
        **own,
        HANDLING: sum(own.values()) - own["inference"],
        AGE: reported[AGE],
        AROUND: reported[AGE] - own["inference"],
        ROUND_TRIP: reported[ROUND_TRIP],
        PATH: reported[ROUND_TRIP] - own["inference"],
    }


if __name__ == "__main__":
    main()
