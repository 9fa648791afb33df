"""Measure how long a node takes from its start to its first heatmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from fishy_ros.evaluation.bench.bus_path import PathRequest
from fishy_ros.evaluation.bench.measuring_process import run_measurement
from fishy_ros.evaluation.bench.result import BenchResult, collect
from fishy_ros.evaluation.bench.sampling import TOTAL, Plan, Samples


def run_start(requests: Sequence[PathRequest], rounds: int, progress: Callable[[], None]) -> BenchResult:
    """Start the node of every request once in every round; a method is named by its runtime and precision.

    Raises:
        ReplayError: a node does not start, or gives no heatmap.
    """
    starts: dict[str, list[list[dict[str, float]]]] = {_name(request): [] for request in requests}
    for number in range(rounds):
        first = number % len(requests)
        for request in (*requests[first:], *requests[:first]):
            stages: dict[str, float] = run_measurement("measure_start", request)["stages_ms"]
            starts[_name(request)].append([{**stages, TOTAL: sum(stages.values())}])
            progress()
    samples = {name: Samples(taken) for name, taken in starts.items()}
    configurations = {_name(request): asdict(request) for request in requests}
    return collect("start", samples, configurations, Plan(rounds, 1, 0))


def _name(request: PathRequest) -> str:
    return f"{request.runtime} {request.precision}"
