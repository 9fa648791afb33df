"""What a head costs beside the segmentation network: both as graphs in ONNX Runtime, measured in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from fishy_ros.training.graph import DeployedModel, ScoreScale, export_graph, export_network
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.latency import median_ratio, time_in_turns

NETWORK = "network alone"


@dataclass(frozen=True)
class HeadCost:
    """Median time of a frame in ms, and against the network alone, paired round by round."""

    latency_ms: float
    ratio: float


def measure_head_costs(
    model: AnomalyModel, heads: Mapping[str, nn.Module], height: int, width: int, progress: Callable[[], None]
) -> dict[str, HeadCost]:
    """Time the graph of each head and that of the network alone (`NETWORK`) on the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        graphs = {NETWORK: Path(folder) / "network.onnx"}
        export_network(model, height, width, graphs[NETWORK])
        for name, head in heads.items():
            graphs[name] = Path(folder) / f"{name}.onnx"
            export_graph(DeployedModel(model, head, ScoreScale(0.0, 1.0)), height, width, graphs[name])
        times = time_in_turns(graphs, progress)
    alone = times[NETWORK]
    return {name: HeadCost(float(np.median(taken)), median_ratio(taken, alone)) for name, taken in times.items()}
