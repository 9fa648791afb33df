"""Measure the path through the bus: this node against the one that one writes first, in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from fishy_ros.evaluation.bench.bus_path import PathRequest
from fishy_ros.evaluation.bench.measuring_process import run_measurement
from fishy_ros.evaluation.bench.result import BenchResult, collect
from fishy_ros.evaluation.bench.sampling import Plan, Samples


def run_node(methods: Sequence[str], request: PathRequest, rounds: int, progress: Callable[[], None]) -> BenchResult:
    """Measure every method in every round, each time with fresh processes; nothing else should run meanwhile.

    Raises:
        ReplayError: a run failed; the message is its own.
    """
    runs: dict[str, list[list[dict[str, float]]]] = {name: [] for name in methods}
    lost = dict.fromkeys(methods, 0)
    for number in range(rounds):
        first = number % len(methods)
        for name in (*methods[first:], *methods[:first]):
            result = run_measurement("measure_path", replace(request, method=name))
            runs[name].append(result["stages_ms"])
            lost[name] += result["lost"]
            progress()
    shortest = min(len(stages) for taken in runs.values() for stages in taken)
    samples = {name: Samples([stages[:shortest] for stages in taken]) for name, taken in runs.items()}
    configurations = {name: asdict(replace(request, method=name)) for name in methods}
    notes = tuple(f"{name}: {count} of {rounds * request.frames} frames lost" for name, count in lost.items())
    return collect("node", samples, configurations, Plan(rounds, request.frames, 5), notes, {"lost": lost})
