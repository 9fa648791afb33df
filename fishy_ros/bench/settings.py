"""ONNX Runtime's settings on the CPU, one changed at a time: what each is worth in time and in processor load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np

from fishy_ros.bench.result import BenchResult, collect
from fishy_ros.bench.sampling import Plan, sample
from fishy_ros.model_package import load_model_package
from fishy_ros.runtimes.base import Runtime
from fishy_ros.runtimes.onnxruntime_runtime import OnnxRuntime
from fishy_ros.runtimes.onnxruntime_settings import CPU_SETTINGS, CpuSettings
from fishy_ros.runtimes.options import RuntimeOptions, default_threads


def candidates() -> dict[str, CpuSettings]:
    """Return the settings in use, ONNX Runtime's own defaults, and the settings in use with one changed each."""
    used = CPU_SETTINGS
    return {
        "in use": used,
        "defaults of ONNX Runtime": CpuSettings(),
        f"spinning {_toggled(used.allow_spinning)}": replace(used, allow_spinning=not used.allow_spinning),
        f"memory pattern {_toggled(used.memory_pattern)}": replace(used, memory_pattern=not used.memory_pattern),
        f"memory arena {_toggled(used.memory_arena)}": replace(used, memory_arena=not used.memory_arena),
        "graph level basic": replace(used, graph_level="basic"),
        "graph level extended": replace(used, graph_level="extended"),
    }


def run_settings(model: str, precision: str, plan: Plan, progress: Callable[[], None]) -> BenchResult:
    """Measure ONNX Runtime with each of `candidates`, and with one thread.

    Raises:
        FishyError: the model cannot be loaded.
    """
    package = load_model_package(model)
    options = RuntimeOptions("cpu", precision)
    runtimes: dict[str, Runtime] = {}
    configurations: dict[str, dict[str, object]] = {}
    for name, settings in candidates().items():
        runtimes[name] = OnnxRuntime(package, options, settings=settings)
        configurations[name] = {**asdict(settings), "threads": default_threads()}
    runtimes["one thread"] = OnnxRuntime(package, replace(options, threads=1))
    configurations["one thread"] = {**asdict(CPU_SETTINGS), "threads": 1}
    picture = np.random.default_rng(0).integers(0, 256, package.input_shape[1:], np.uint8)
    for runtime in runtimes.values():
        runtime.input_buffer[:] = picture
    try:
        samples = sample({name: _run(runtime) for name, runtime in runtimes.items()}, plan, progress)
    finally:
        for runtime in runtimes.values():
            runtime.close()
    return collect("settings", samples, configurations, plan)


def _run(runtime: Runtime) -> Callable[[], dict[str, float]]:
    def run() -> dict[str, float]:
        runtime.run()
        return {}

    return run


def _toggled(value: bool) -> str:
    return "off" if value else "on"
