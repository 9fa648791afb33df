"""One run of `fishy bench memory`: the memory of a node while frames go through it.

Reads a `PathRequest` as JSON from the standard input and writes the resident memory of the node after every hundredth
of the frames as JSON to the standard output.
"""

from __future__ import annotations

import time

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.bench.bus_path import PathRequest
from fishy_ros.evaluation.bench.probes.heatmap_counter import HeatmapCounter
from fishy_ros.evaluation.bench.probes.measured_node import measured_node
from fishy_ros.evaluation.bench.probes.measurement import run_probe
from fishy_ros.evaluation.soak.process_stats import process_stats

_READINGS = 100
_PATIENCE_S = 10.0


def measure(request: PathRequest) -> dict[str, object]:
    """Play frames one after the other and return the readings, and how many frames got no heatmap.

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
            missing += not counter.wait_for(before + 1, _PATIENCE_S)
            node.detector.check()
            if missing > max(3, request.frames // 100):
                raise ReplayError(f"{missing} of {played + 1} frames got no heatmap within {_PATIENCE_S:g} s each")
            if (played + 1) % every == 0:
                readings.append((played + 1, process_stats(node.detector.pid).rss_bytes))
    return {"readings": readings, "missing": missing}


if __name__ == "__main__":
    run_probe(measure)
