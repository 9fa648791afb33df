"""Several runs side by side, the best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fishy_ros.evaluation.report.table import percent

_TITLES = ("rank", "model", "AP", "FPR95", "AUROC", "published / played", "p50 ms", "p95 ms", "p99 ms")
_LATENCY_STAGES = ("total", "round_trip")


def ranking_table(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Lay runs out as text, the highest AP first and runs without metrics last.

    Args:
        runs: the name of each run, and its report as `result_to_json` makes it.
    """
    aps = {name: report["metrics"]["AP"] for name, report in runs}
    ranked = sorted(runs, key=lambda run: -1.0 if aps[run[0]] is None else aps[run[0]], reverse=True)
    rows = [_TITLES, *((str(rank), name, *_cells(report)) for rank, (name, report) in enumerate(ranked, start=1))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.rjust, row, widths)) for row in rows)


def _cells(report: Mapping[str, Any]) -> tuple[str, ...]:
    rates = [report["metrics"][name] for name in ("AP", "FPR95", "AUROC")]
    frames, stages = report["frames"], report["latency_ms"]
    latency = next((stages[stage] for stage in _LATENCY_STAGES if stage in stages), None)
    times = ("-",) * 3 if latency is None else tuple(f"{latency[name]:.1f}" for name in ("p50", "p95", "p99"))
    return (
        *("-" if rate is None else percent(rate) for rate in rates),
        f"{frames['published']} / {frames['played']}",
        *times,
    )
