"""What the segmentation network of each variant costs, as graphs in ONNX Runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fishy_ros.evaluation.bench.graph_cost import graph_cost
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.graph import export_network
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.latency import median_ratio, time_in_turns

Design = tuple[str, int, int]
"""Network and input size in rows and columns."""


@dataclass(frozen=True)
class GraphSize:
    """What a graph holds and does."""

    weights: int
    multiply_adds: float
    """Of its convolutions and matrix products, a frame."""


@dataclass(frozen=True)
class DesignCost:
    """The network alone, image to classes, without any head."""

    parameters: int
    """Of the deployed graph, in which normalisations are folded."""
    gmac: float
    latency_ms: float
    """Median on the CPU."""
    ratio: float
    """Times the first design, paired round by round."""


def design_of(config: TrainConfig) -> Design:
    """Tell what decides the cost of a variant; the weights do not."""
    return config.size, config.validation.height, config.validation.width


def graph_size(graph: bytes) -> GraphSize:
    """Count the weights of an ONNX graph, and the multiply-adds of its convolutions and matrix products."""
    cost = graph_cost(graph)
    products = ("Conv", "ConvTranspose", "Gemm", "MatMul")
    return GraphSize(cost.weights, sum(node.flops for node in cost.nodes if node.operator in products) / 2)


def measure_designs(designs: Sequence[Design], progress: Callable[[], None]) -> dict[Design, DesignCost]:
    """Time all designs in turns in one run; the first is what the others are compared with.

    `progress` is called as often as `fishy_ros.training.latency.ROUNDS` says.

    Raises:
        ConfigError: a network is unknown.
    """
    unique = list(dict.fromkeys(designs))
    with tempfile.TemporaryDirectory() as folder:
        graphs = {str(index): Path(folder) / f"{index}.onnx" for index in range(len(unique))}
        for (network, height, width), path in zip(unique, graphs.values(), strict=True):
            export_network(AnomalyModel(network), height, width, path)
        sizes = [graph_size(path.read_bytes()) for path in graphs.values()]
        times = list(time_in_turns(graphs, progress).values())
    return {
        design: DesignCost(
            size.weights, size.multiply_adds / 1e9, float(np.median(taken)), median_ratio(taken, times[0])
        )
        for design, size, taken in zip(unique, sizes, times, strict=True)
    }
