"""Measure a running node, each time in fresh processes: the way of an image through the bus, and the start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.bench.bus_path import PathRequest
from fishy_ros.evaluation.bench.result import BenchResult, collect
from fishy_ros.evaluation.bench.sampling import TOTAL, Plan, Samples, turns
from fishy_ros.evaluation.package_path import with_package_path


def run_node(methods: Sequence[str], request: PathRequest, rounds: int, progress: Callable[[], None]) -> BenchResult:
    """Measure the way through every method in every round; nothing else should run meanwhile.

    Raises:
        ReplayError: a run failed; the message is its own.
    """
    runs: dict[str, list[list[dict[str, float]]]] = {name: [] for name in methods}
    lost = dict.fromkeys(methods, 0)
    for name in turns(methods, rounds):
        result = run_measurement("path", replace(request, method=name))
        runs[name].append(result["stages_ms"])
        lost[name] += result["lost"]
        progress()
    shortest = min(len(stages) for taken in runs.values() for stages in taken)
    samples = {name: Samples([stages[:shortest] for stages in taken]) for name, taken in runs.items()}
    configurations = {name: asdict(replace(request, method=name)) for name in methods}
    notes = tuple(f"{name}: {count} of {rounds * request.frames} frames lost" for name, count in lost.items())
    return collect("node", samples, configurations, Plan(rounds, request.frames, 5), notes, {"lost": lost})


def run_start(requests: Sequence[PathRequest], rounds: int, progress: Callable[[], None]) -> BenchResult:
    """Start the node of every request once in every round; a method is named by its runtime and precision.

    Raises:
        ReplayError: a node does not start, or gives no heatmap.
    """
    named = {f"{request.runtime} {request.precision}": request for request in requests}
    starts: dict[str, list[list[dict[str, float]]]] = {name: [] for name in named}
    for name in turns(list(named), rounds):
        stages: dict[str, float] = run_measurement("start", named[name])["stages_ms"]
        starts[name].append([{**stages, TOTAL: sum(stages.values())}])
        progress()
    samples = {name: Samples(taken) for name, taken in starts.items()}
    configurations = {name: asdict(request) for name, request in named.items()}
    return collect("start", samples, configurations, Plan(rounds, 1, 0))


def run_measurement(what: str, request: PathRequest, timeout_s: float = 600.0) -> dict[str, Any]:
    """Measure `path`, `start` or `memory` in a process of its own, which needs ROS, and return what it found.

    Raises:
        ReplayError: it failed, in its own words, or gave no result in `timeout_s`.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "fishy_ros.evaluation.bench.probes.measure", what],
            input=json.dumps(asdict(request)),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=with_package_path(os.environ),
        )
    except subprocess.TimeoutExpired as error:
        raise ReplayError(f"{request.method}: no result in {timeout_s:.0f} s") from error
    if done.returncode:
        raise ReplayError(f"{request.method}: {done.stderr.strip()[-2000:] or f'status {done.returncode}'}")
    result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return result
