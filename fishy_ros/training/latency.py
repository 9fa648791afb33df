"""How long graphs take in ONNX Runtime on the CPU, measured in turns so that a busy machine slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort

from fishy_ros.runtimes.onnxruntime_settings import CPU_SETTINGS
from fishy_ros.runtimes.processors import default_threads

ROUNDS = 15


def time_in_turns(
    graphs: Mapping[str, Path], progress: Callable[[], None], rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Run each graph once a round on a random picture of its own size; return `rounds` times in ms for each.

    `progress` is called after every round.
    """
    sessions = {name: _session(path) for name, path in graphs.items()}
    rng = np.random.default_rng(0)
    pictures = {
        name: rng.integers(0, 256, session.get_inputs()[0].shape, np.uint8) for name, session in sessions.items()
    }
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run(None, {"image": pictures[name]})
            times[name].append((time.perf_counter() - start) * 1e3)
        progress()
    return times


def median_ratio(times: list[float], reference: list[float]) -> float:
    """Return the median over rounds of one graph's time over another's in the same round."""
    return float(np.median(np.array(times) / np.array(reference)))


def _session(path: Path) -> ort.InferenceSession:
    options = CPU_SETTINGS.session_options(default_threads())
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
