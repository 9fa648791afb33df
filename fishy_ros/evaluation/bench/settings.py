"""Settings of a runtime on the CPU, one changed at a time: what each is worth in time and in processor load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.bench.result import BenchResult, collect
from fishy_ros.evaluation.bench.sampling import Plan, sample
from fishy_ros.model_package import ModelPackage, load_model_package
from fishy_ros.runtimes.base import Runtime
from fishy_ros.runtimes.onnxruntime_settings import CPU_SETTINGS, CpuSettings
from fishy_ros.runtimes.openvino_settings import OPENVINO_SETTINGS, OpenVinoSettings
from fishy_ros.runtimes.options import RuntimeOptions
from fishy_ros.runtimes.processors import default_threads

Settings = CpuSettings | OpenVinoSettings
ONE_THREAD = "one thread"


class Candidate(NamedTuple):
    """One way to run a graph."""

    settings: Settings
    threads: int


def candidates(runtime: str) -> dict[str, Candidate]:
    """Return the settings of `onnxruntime` or `openvino` in use, and the same with one changed each.

    Raises:
        ConfigError: the settings of another runtime are asked for.
    """
    if runtime == "onnxruntime":
        found = _onnxruntime()
    elif runtime == "openvino":
        found = _openvino()
    else:
        raise ConfigError(f"runtime {runtime!r}: expected onnxruntime or openvino")
    threads = default_threads()
    return {
        **{name: Candidate(settings, threads) for name, settings in found.items()},
        ONE_THREAD: Candidate(found["in use"], 1),
    }


def run_settings(model: str, runtime: str, precision: str, plan: Plan, progress: Callable[[], None]) -> BenchResult:
    """Measure a runtime with each of its `candidates`.

    Raises:
        FishyError: the model cannot be loaded, or the runtime is not there.
    """
    package = load_model_package(model)
    tried = candidates(runtime)
    runtimes: dict[str, Runtime] = {}
    picture = np.random.default_rng(0).integers(0, 256, package.input_shape[1:], np.uint8)
    try:
        for name, candidate in tried.items():
            runtimes[name] = _open(package, RuntimeOptions("cpu", precision, candidate.threads), candidate.settings)
            runtimes[name].input_buffer[:] = picture
        samples = sample({name: _run(opened) for name, opened in runtimes.items()}, plan, progress)
    finally:
        for opened in runtimes.values():
            opened.close()
    configurations = {
        name: {"runtime": runtime, **asdict(candidate.settings), "threads": candidate.threads}
        for name, candidate in tried.items()
    }
    return collect("settings", samples, configurations, plan)


def _onnxruntime() -> dict[str, Settings]:
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


def _openvino() -> dict[str, Settings]:
    used = OPENVINO_SETTINGS
    return {
        "in use": used,
        f"threads pinned {_toggled(used.cpu_pinning)}": replace(used, cpu_pinning=not used.cpu_pinning),
        "throughput": replace(used, hint="THROUGHPUT"),
        "bfloat16 where the processor has it": replace(used, precision="bf16"),
    }


def _open(package: ModelPackage, options: RuntimeOptions, settings: Settings) -> Runtime:
    if isinstance(settings, CpuSettings):
        from fishy_ros.runtimes.onnxruntime_runtime import OnnxRuntime

        return OnnxRuntime(package, options, settings=settings)
    from fishy_ros.runtimes.openvino_runtime import OpenVinoRuntime

    return OpenVinoRuntime(package, options, settings)


def _run(runtime: Runtime) -> Callable[[], dict[str, float]]:
    def run() -> dict[str, float]:
        runtime.run()
        return {}

    return run


def _toggled(value: bool) -> str:
    return "off" if value else "on"
