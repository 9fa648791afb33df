"""What a head costs beside the segmentation network: both as graphs in ONNX Runtime, measured in turns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from torch import nn

from fishy_ros.heads.model import AnomalyModel
from fishy_ros.runtimes.onnxruntime_settings import CPU_SETTINGS
from fishy_ros.runtimes.options import default_threads
from fishy_ros.training.graph import DeployedModel, NetworkAlone, ScoreScale, export_graph, export_module

NETWORK = "network alone"
ROUNDS = 15


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
        sessions = {NETWORK: _network_session(model, Path(folder), height, width)}
        for name, head in heads.items():
            path = Path(folder) / f"{name}.onnx"
            export_graph(DeployedModel(model, head, ScoreScale(0.0, 1.0)), height, width, path)
            sessions[name] = _session(path)
    picture = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run(None, {"image": picture})
            times[name].append((time.perf_counter() - start) * 1e3)
        progress()
    alone = np.array(times[NETWORK])
    return {
        name: HeadCost(float(np.median(taken)), float(np.median(np.array(taken) / alone)))
        for name, taken in times.items()
    }


def _network_session(model: AnomalyModel, folder: Path, height: int, width: int) -> Any:
    path = folder / "network.onnx"
    export_module(NetworkAlone(model), ("labels",), height, width, path)
    return _session(path)


def _session(path: Path) -> Any:
    options = CPU_SETTINGS.session_options(default_threads())
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
