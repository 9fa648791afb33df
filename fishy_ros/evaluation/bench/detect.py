"""Measure the detector inside one process: decode, resize, inference and what is left around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fishy_ros.datasets.registry import open_dataset
from fishy_ros.errors import FishyError
from fishy_ros.evaluation.bench.methods import Method, MethodRunner
from fishy_ros.evaluation.bench.result import BenchResult, collect
from fishy_ros.evaluation.bench.sampling import OUTSIDE, Plan, sample
from fishy_ros.types import ImageArray

_PICTURES = 4


def run_detect(methods: Sequence[Method], plan: Plan, progress: Callable[[], None]) -> BenchResult:
    """Measure every method; a method that does not start is named in the notes and left out.

    Raises:
        FishyError: the first method does not start.
    """
    pictures = street_pictures(_PICTURES)
    runners: dict[str, MethodRunner] = {}
    notes: list[str] = []
    try:
        for method in methods:
            label = method.label(methods)
            try:
                runners[label] = MethodRunner(method, pictures)
            except FishyError as error:
                if method == methods[0]:
                    raise
                notes.append(f"{label} is left out: {error}")
        samples = sample({label: _with_outside(runner) for label, runner in runners.items()}, plan, progress)
        configurations = {label: runner.configuration() for label, runner in runners.items()}
    finally:
        for runner in runners.values():
            runner.detector.close()
    return collect("detect", samples, configurations, plan, tuple(notes))


def street_pictures(count: int) -> list[ImageArray]:
    """Render street scenes, uint8 `[512, 1024, 3]`, so that a JPEG is as hard to decode as a camera's."""
    dataset = open_dataset("synthetic", frames=count)
    return [dataset[index].image for index in range(count)]


def _with_outside(runner: MethodRunner) -> Callable[[], dict[str, float]]:
    def run() -> dict[str, float]:
        stages = runner.run()
        return {**stages, OUTSIDE: sum(ms for stage, ms in stages.items() if stage != "inference")}

    return run
