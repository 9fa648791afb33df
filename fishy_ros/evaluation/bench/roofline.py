"""How near a runtime comes to the shortest time that the machine allows for a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from fishy_ros.evaluation.bench.graph_cost import GraphCost, graph_cost
from fishy_ros.evaluation.bench.machine_limits import MachineLimits
from fishy_ros.evaluation.bench.sampling import Plan, Summary, sample
from fishy_ros.evaluation.environment import Environment, describe_environment
from fishy_ros.files import write_json
from fishy_ros.model_package import load_model_package
from fishy_ros.runtimes import Runtime, RuntimeInfo, create_runtime


@dataclass(frozen=True)
class Roofline:
    """Cost of a graph, limits of the machine, and what a runtime reached; times in ms of one frame."""

    environment: Environment
    model: str
    precision: str
    runtime: RuntimeInfo
    limits: MachineLimits
    gflops: float
    megabytes: float
    parameters: int
    limit_ms: float
    measured_ms: Summary
    fraction: float
    """Of the limit reached: `limit_ms / measured_ms.median`; above 1 where an engine needs fewer operations than the
    plain count, as with Winograd's convolutions or a lower precision."""
    share_by_operator: dict[str, float]
    """Share of `limit_ms` by operator."""

    def write(self, path: Path) -> None:
        """Write the result as JSON."""
        write_json(path, {"roofline": asdict(self)})


def run_roofline(
    model: str,
    runtime: str,
    device: str,
    precision: str,
    limits: MachineLimits,
    plan: Plan,
    progress: Callable[[], None],
) -> Roofline:
    """Count what the graph costs, and measure it.

    Raises:
        FishyError: the model cannot be loaded, or the runtime does not start.
    """
    package = load_model_package(model)
    cost = graph_cost(package.graph(precision).read())
    opened = create_runtime(runtime, package, device, precision)
    opened.input_buffer[:] = np.random.default_rng(0).integers(0, 256, opened.input_buffer.shape, np.uint8)
    try:
        measured = sample({"inference": lambda: _infer(opened)}, plan, progress)["inference"].summary("total")
    finally:
        opened.close()
    limit_ms = cost.limit_s(limits.flops_per_s, limits.bytes_per_s) * 1e3
    return Roofline(
        environment=describe_environment(),
        model=f"{package.name} {package.version}, sha256 {package.graph(precision).sha256}",
        precision=precision,
        runtime=opened.info,
        limits=limits,
        gflops=cost.flops / 1e9,
        megabytes=cost.bytes_moved / 1e6,
        parameters=cost.weights,
        limit_ms=limit_ms,
        measured_ms=measured,
        fraction=limit_ms / measured.median,
        share_by_operator=_shares(cost, limits),
    )


def roofline_table(result: Roofline) -> Table:
    """Lay out the result for reading."""
    largest = sorted(result.share_by_operator.items(), key=lambda pair: -pair[1])[:5]
    table = Table(
        show_header=False, title=f"{result.model.split(',')[0]} on {result.runtime.name}", title_justify="left"
    )
    parameters = f"{result.parameters / 1e6:.2f} M parameters"
    rows = {
        "graph": f"{result.gflops:.2f} GFLOP, {result.megabytes:.1f} MB moved, {parameters}",
        "machine": f"{result.limits.flops_per_s / 1e9:.0f} GFLOP/s, {result.limits.bytes_per_s / 1e9:.1f} GB/s",
        "limit": f"{result.limit_ms:.1f} ms ({', '.join(f'{name} {share:.0%}' for name, share in largest)})",
        "measured": f"{result.measured_ms.median:.1f} ms in the median, {result.measured_ms.low:.1f} ms at best",
        "fraction of the limit": f"{result.fraction:.0%}",
    }
    for label, value in rows.items():
        table.add_row(label, value)
    return table


def _shares(cost: GraphCost, limits: MachineLimits) -> dict[str, float]:
    times: defaultdict[str, float] = defaultdict(float)
    for node in cost.nodes:
        times[node.operator] += node.limit_s(limits.flops_per_s, limits.bytes_per_s)
    total = sum(times.values())
    return {operator: time / total for operator, time in times.items()}


def _infer(runtime: Runtime) -> dict[str, float]:
    runtime.run()
    return {}
