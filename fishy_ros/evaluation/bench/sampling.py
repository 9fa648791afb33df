"""Interleaved measurements: every configuration in turn, round after round, so that noise hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.evaluation.bench.bus_path import AGE, AROUND, HANDLING, PATH
from fishy_ros.evaluation.replay.match import ROUND_TRIP

Stages = Mapping[str, float]
"""Milliseconds by stage, of one frame."""
TOTAL = "total"
CPU = "cpu"
"""Processor time of the whole process, all threads, during a frame."""
OUTSIDE = "outside"
"""Everything but inference."""
DERIVED: tuple[str, ...] = (OUTSIDE, TOTAL, CPU, HANDLING, AGE, AROUND, ROUND_TRIP, PATH)
"""Stages that are made of others."""


@dataclass(frozen=True)
class Plan:
    """How much is measured: `frames` frames of each configuration in each of `rounds` rounds, after a warm-up."""

    rounds: int = 10
    frames: int = 10
    warm_up: int = 5


@dataclass(frozen=True)
class Summary:
    """Milliseconds of one stage over all frames."""

    median: float
    p95: float
    p99: float
    low: float
    high: float
    frames: int


@dataclass(frozen=True)
class Ratio:
    """How many times longer a configuration takes than another: its median against the other's, round by round."""

    median: float
    low: float
    high: float


def sample(methods: Mapping[str, Callable[[], Stages]], plan: Plan, progress: Callable[[], None]) -> dict[str, Samples]:
    """Measure every method, a function that handles one frame and returns its stages; `progress` is called every turn.

    The order turns from round to round, and the first frame of a turn is not counted: it pays for what the method
    before left in the caches.
    """
    for run in methods.values():
        for _ in range(plan.warm_up):
            run()
    names = list(methods)
    taken: dict[str, list[list[dict[str, float]]]] = {name: [] for name in names}
    for name in turns(names, plan.rounds):
        run = methods[name]
        run()
        taken[name].append([_timed(run) for _ in range(plan.frames)])
        progress()
    return {name: Samples(rounds) for name, rounds in taken.items()}


def turns(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Yield every name in every round, beginning with another one each time.

    >>> list(turns("abc", 2))
    ['a', 'b', 'c', 'b', 'c', 'a']
    """
    for number in range(rounds):
        first = number % len(names)
        yield from (*names[first:], *names[:first])


class Samples:
    """Stages of every frame of one method, by round."""

    def __init__(self, rounds: Sequence[Sequence[Stages]]) -> None:
        self._rounds = rounds
        self.stages: tuple[str, ...] = tuple(rounds[0][0])

    def values(self, stage: str) -> NDArray[np.float64]:
        """Return milliseconds, float64 `[rounds, frames]`."""
        return np.array([[frame[stage] for frame in frames] for frames in self._rounds])

    def summary(self, stage: str) -> Summary:
        """Summarise a stage over all frames."""
        values = self.values(stage).ravel()
        median, p95, p99 = np.percentile(values, [50, 95, 99])
        return Summary(float(median), float(p95), float(p99), float(values.min()), float(values.max()), values.size)

    def ratio_to(self, other: Samples, stage: str) -> Ratio:
        """Compare a stage with that of another method, pair by pair of neighbouring turns."""
        ratios = np.median(self.values(stage), axis=1) / np.median(other.values(stage), axis=1)
        return Ratio(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))


def _timed(run: Callable[[], Stages]) -> dict[str, float]:
    processor, start = time.process_time(), time.perf_counter()
    stages = run()
    total = (time.perf_counter() - start) * 1e3
    return {**stages, TOTAL: total, CPU: (time.process_time() - processor) * 1e3}
