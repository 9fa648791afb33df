"""What a measurement gives: a table to read, JSON to keep, and the picture of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.table import Table

from fishy_ros.evaluation.bench.sampling import Plan, Ratio, Samples, Summary
from fishy_ros.evaluation.environment import Environment, describe_environment
from fishy_ros.files import write_json


@dataclass(frozen=True)
class MethodResult:
    """One configuration: what it is, its stages, and how it compares with the first one."""

    name: str
    configuration: Mapping[str, object]
    stages_ms: Mapping[str, Summary]
    ratio_to_first: Mapping[str, Ratio]


@dataclass(frozen=True)
class BenchResult:
    """A measurement with everything that is needed to repeat and to judge it."""

    kind: str
    environment: Environment
    plan: Plan
    methods: tuple[MethodResult, ...]
    notes: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the result as JSON."""
        write_json(path, {"bench": asdict(self)})


def collect(
    kind: str,
    samples: Mapping[str, Samples],
    configurations: Mapping[str, Mapping[str, object]],
    plan: Plan,
    notes: tuple[str, ...] = (),
    extra: Mapping[str, object] | None = None,
) -> BenchResult:
    """Summarise samples; the first method is the one that the others are compared with."""
    first = next(iter(samples.values()))
    methods = tuple(
        MethodResult(
            name,
            configurations[name],
            {stage: taken.summary(stage) for stage in taken.stages},
            {stage: taken.ratio_to(first, stage) for stage in taken.stages if stage in first.stages},
        )
        for name, taken in samples.items()
    )
    return BenchResult(kind, describe_environment(), plan, methods, notes, extra or {})


def stage_table(result: BenchResult, compared: str) -> Table:
    """Lay out medians of every stage in ms, tails of `compared`, and the ratio of `compared` to the first method."""
    stages = list(dict.fromkeys(stage for method in result.methods for stage in method.stages_ms))
    table = Table(title="ms per frame, medians", title_justify="left", pad_edge=False)
    table.add_column("method", overflow="fold")
    for stage in stages:
        table.add_column(stage, justify="right")
    table.add_column(f"{compared} p95 / p99", justify="right")
    table.add_column("against the first", justify="right")
    for method in result.methods:
        medians = [f"{method.stages_ms[stage].median:.2f}" if stage in method.stages_ms else "" for stage in stages]
        tails, ratio = method.stages_ms[compared], method.ratio_to_first[compared]
        against = f"x {ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
        table.add_row(method.name, *medians, f"{tails.p95:.1f} / {tails.p99:.1f}", against)
    return table


def machine_line(environment: Environment) -> str:
    """Describe the machine on one line."""
    gpus = f", {', '.join(environment.gpus)}" if environment.gpus else ", no GPU"
    return f"{environment.cores} x {environment.cpu}{gpus}, {environment.memory_gib} GiB, {environment.system}"
