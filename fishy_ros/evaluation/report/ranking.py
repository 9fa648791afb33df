"""Several runs side by side, the best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fishy_ros.evaluation.report.report_json import result_to_json
from fishy_ros.evaluation.report.table import percent
from fishy_ros.evaluation.result import ReplayResult

_TITLES = ("rank", "model", "AP", "FPR95", "AUROC", "published / played", "p50 ms", "p95 ms", "p99 ms")
_LATENCY_STAGES = ("total", "round_trip")


@dataclass(frozen=True)
class RankedRun:
    """What is compared of one run: rates as fractions of 1, latency percentiles in ms, None where not measured."""

    name: str
    rates: tuple[float | None, float | None, float | None]
    """AP, FPR95, AUROC."""
    played: int
    published: int
    latency_ms: tuple[float, float, float] | None
    """p50, p95, p99."""

    @classmethod
    def of_report(cls, name: str, report: Mapping[str, Any]) -> RankedRun:
        """Take what is compared from the values of a `report.json`."""
        metrics, frames, stages = report["metrics"], report["frames"], report["latency_ms"]
        latency = next((stages[stage] for stage in _LATENCY_STAGES if stage in stages), None)
        return cls(
            name=name,
            rates=(metrics["AP"], metrics["FPR95"], metrics["AUROC"]),
            played=frames["played"],
            published=frames["published"],
            latency_ms=None if latency is None else (latency["p50"], latency["p95"], latency["p99"]),
        )

    @classmethod
    def of_result(cls, name: str, result: ReplayResult) -> RankedRun:
        """Take what is compared from a result."""
        return cls.of_report(name, result_to_json(result))


def ranking_table(runs: Sequence[RankedRun]) -> str:
    """Lay runs out as text, the highest AP first and runs without metrics last."""
    ranked = sorted(runs, key=lambda run: -1.0 if run.rates[0] is None else run.rates[0], reverse=True)
    rows = [_TITLES, *((str(rank), run.name, *_cells(run)) for rank, run in enumerate(ranked, start=1))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.rjust, row, widths)) for row in rows)


def _cells(run: RankedRun) -> tuple[str, ...]:
    rates = ("-" if rate is None else percent(rate) for rate in run.rates)
    times = ("-",) * 3 if run.latency_ms is None else tuple(f"{ms:.1f}" for ms in run.latency_ms)
    return (*rates, f"{run.published} / {run.played}", *times)
