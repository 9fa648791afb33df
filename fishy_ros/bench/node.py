"""Measure the path through the bus: this node against the one that one writes first, in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import fishy_ros
from fishy_ros.bench.result import BenchResult, collect
from fishy_ros.bench.sampling import Plan, Samples
from fishy_ros.errors import ReplayError
from fishy_ros.replay.bus_path import PathRequest

_TIMEOUT_S = 600.0


def run_node(
    contestants: Sequence[str], request: PathRequest, rounds: int, progress: Callable[[], None]
) -> BenchResult:
    """Measure every contestant in every round, each time with fresh processes; nothing else should run meanwhile.

    Raises:
        ReplayError: a run failed; the message is its own.
    """
    runs: dict[str, list[list[dict[str, float]]]] = {name: [] for name in contestants}
    lost = dict.fromkeys(contestants, 0)
    for number in range(rounds):
        first = number % len(contestants)
        for name in (*contestants[first:], *contestants[:first]):
            stages, missing = _run(replace(request, contestant=name))
            runs[name].append(stages)
            lost[name] += missing
            progress()
    shortest = min(len(stages) for taken in runs.values() for stages in taken)
    samples = {name: Samples([stages[:shortest] for stages in taken]) for name, taken in runs.items()}
    configurations = {name: asdict(replace(request, contestant=name)) for name in contestants}
    notes = tuple(f"{name}: {count} of {rounds * request.frames} frames lost" for name, count in lost.items())
    return collect("node", samples, configurations, Plan(rounds, request.frames, 5), notes, {"lost": lost})


def _run(request: PathRequest) -> tuple[list[dict[str, float]], int]:
    root = str(Path(fishy_ros.__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "fishy_ros.ros.measure_path"],
            input=json.dumps(asdict(request)),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "PYTHONPATH": paths},
        )
    except subprocess.TimeoutExpired as error:
        raise ReplayError(f"{request.contestant}: no result in {_TIMEOUT_S:.0f} s") from error
    if done.returncode:
        raise ReplayError(f"{request.contestant}: {done.stderr.strip()[-2000:] or f'status {done.returncode}'}")
    result = json.loads(done.stdout[done.stdout.index("{") :])
    return result["stages_ms"], result["lost"]
