"""What a head costs beside the segmentation network: as graphs in ONNX Runtime, or in torch what no graph can hold."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fishy_ros.training.graph import DeployedModel, ScoreScale, export_graph, export_network
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.registry import parse_head
from fishy_ros.training.latency import ROUNDS, median_ratio, time_in_turns

NETWORK = "network alone"

TORCH_ROUNDS: int = 3
"""Heads of studies take seconds a frame."""


@dataclass(frozen=True)
class HeadCost:
    """Median time of a frame in ms, and against the network alone, paired round by round."""

    latency_ms: float
    ratio: float
    engine: str = "onnxruntime"
    """Where it was measured: `onnxruntime`, or `torch` for heads of studies, against the network alone in torch."""


def measure_head_costs(
    model: AnomalyModel,
    heads: Mapping[str, nn.Module],
    height: int,
    width: int,
    progress: Callable[[], None],
    rounds: int = ROUNDS,
) -> dict[str, HeadCost]:
    """Time the graph of each head and that of the network alone (`NETWORK`) on the CPU.

    Heads of studies are timed in torch.
    """
    inside = {name: head for name, head in heads.items() if parse_head(name)[0].in_graph}
    with tempfile.TemporaryDirectory() as folder:
        graphs = {NETWORK: Path(folder) / "network.onnx"}
        export_network(model, height, width, graphs[NETWORK])
        for number, (name, head) in enumerate(inside.items()):
            graphs[name] = Path(folder) / f"{number}.onnx"
            export_graph(DeployedModel(model, head, ScoreScale(0.0, 1.0)), height, width, graphs[name])
        times = time_in_turns(graphs, progress, rounds)
    alone = times[NETWORK]
    costs = {name: HeadCost(float(np.median(taken)), median_ratio(taken, alone)) for name, taken in times.items()}
    outside = {name: head for name, head in heads.items() if name not in inside}
    return costs | _time_in_torch(model, outside, height, width)


@torch.no_grad()
def _time_in_torch(model: AnomalyModel, heads: Mapping[str, nn.Module], height: int, width: int) -> dict[str, HeadCost]:
    image = 255 * torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    net = model.net(model.normalise(image))
    costs = {}
    for name, head in heads.items():
        alone, added = [], []
        for _ in range(TORCH_ROUNDS):
            start = time.perf_counter()
            model.net(model.normalise(image))
            between = time.perf_counter()
            head(net.logits, net, image)
            alone.append((between - start) * 1e3)
            added.append((time.perf_counter() - start) * 1e3)
        costs[name] = HeadCost(float(np.median(added)), median_ratio(added, alone), "torch")
    return costs
