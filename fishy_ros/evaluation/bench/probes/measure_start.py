"""One run of `fishy bench start`: from starting the process of a node to its first heatmap.

Reads a `PathRequest` as JSON from the standard input and writes the stages in ms as JSON to the standard output.
"""

from __future__ import annotations

import time

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.bench.bus_path import PathRequest
from fishy_ros.evaluation.bench.probes.heatmap_counter import HeatmapCounter
from fishy_ros.evaluation.bench.probes.measured_node import measured_node
from fishy_ros.evaluation.bench.probes.measurement import run_probe

_PERIOD_S = 0.05
"""Of the camera that already runs while the node starts."""
_PATIENCE_S = 60.0


def measure(request: PathRequest) -> dict[str, object]:
    """Start the node, play frames until one comes back, and return how long each part took.

    Raises:
        FishyError: the node cannot be started, or gives no heatmap.
    """
    with measured_node(request) as node:
        counter = HeatmapCounter()
        node.player.listen(counter)
        while counter.count == 0:
            if time.perf_counter() > node.connected_at + _PATIENCE_S:
                raise ReplayError(f"the node gave no heatmap within {_PATIENCE_S:g} s of its activation")
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


if __name__ == "__main__":
    run_probe(measure)
