"""One run of `fishy bench node`, in a process of its own, since a process keeps the DDS profile that it began with.

Reads a `PathRequest` as JSON from the standard input and writes the stages of every frame in ms as JSON to the
standard output.
"""

from __future__ import annotations

from collections.abc import Mapping

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.bench.bus_path import AGE, AROUND, ARRIVE, HANDLING, NODE_STAGES, PATH, PathRequest
from fishy_ros.evaluation.bench.probes.measured_node import measured_node
from fishy_ros.evaluation.bench.probes.measurement import run_probe
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore
from fishy_ros.evaluation.replay.live import watched
from fishy_ros.evaluation.replay.match import ROUND_TRIP, Playback, Recorder
from fishy_ros.evaluation.replay.play import Lockstep, play, warm_up
from fishy_ros.evaluation.sources.source import repeat

_WARM_UP_FRAMES = 5
_PATIENCE_S = 5.0


def measure(request: PathRequest) -> dict[str, object]:
    """Play frames one after the other through the method and return the stages of each, and how many were lost.

    Raises:
        FishyError: the node cannot be started, or does not answer.
    """
    with measured_node(request) as node, HeatmapStore(node.folder) as store, HeatmapStore(node.folder) as ignored:
        recorder = Recorder(store)
        with watched(node.detector, recorder):
            warm_up(node.pictures[0], node.player, Recorder(ignored))
            frames = repeat(node.pictures, request.frames + _WARM_UP_FRAMES)
            play(frames, node.player, recorder, Lockstep(_PATIENCE_S), lambda done: None)
        return _result(recorder.playback())


def _result(playback: Playback) -> dict[str, object]:
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
    run_probe(measure)
