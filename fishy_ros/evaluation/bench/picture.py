"""Bars of medians with their tails."""

from __future__ import annotations

import itertools
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fishy_ros.evaluation.bench.result import BenchResult, machine_line
from fishy_ros.evaluation.bench.sampling import DERIVED
from fishy_ros.evaluation.report.plots import COLORS


def write_stage_picture(result: BenchResult, compared: str, path: Path) -> None:
    """Draw one bar a method, made of the medians of its stages; a line reaches to the 99th percentile of `compared`."""
    stages = list(dict.fromkeys(stage for method in result.methods for stage in method.stages_ms))
    parts = [stage for stage in stages if stage not in DERIVED] or [compared]
    colors = dict(zip(parts, itertools.cycle(COLORS), strict=False))
    figure = Figure(figsize=(10, 1.8 + 0.5 * len(result.methods)), layout="constrained")
    axes = figure.add_subplot()
    for row, method in enumerate(result.methods):
        left = 0.0
        for stage in filter(method.stages_ms.__contains__, parts):
            width = method.stages_ms[stage].median
            axes.barh(row, width, left=left, color=colors[stage])
            left += width
        whole = method.stages_ms[compared]
        axes.plot([whole.median, whole.p99], [row, row], color="black", linewidth=1)
        axes.annotate(f" {whole.median:.1f} ms", (max(whole.p99, left), row), va="center", fontsize=8)
    axes.set_yticks(range(len(result.methods)), [method.name for method in result.methods])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(f"ms per frame: medians by stage; the line reaches to the 99th percentile of {compared}")
    axes.set_title(machine_line(result.environment), fontsize=8)
    handles = [Patch(color=color, label=stage) for stage, color in colors.items()]
    figure.legend(handles=handles, fontsize=8, ncols=len(parts), loc="outside lower center")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
