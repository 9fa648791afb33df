"""Bars of medians with their tails."""

from __future__ import annotations

import itertools
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fishy_ros.evaluation.bench.result import BenchResult, machine_line
from fishy_ros.evaluation.bench.sampling import DERIVED

_COLOURS = ("#2459a8", "#d1495b", "#3a7d44", "#e0a030", "#6b4c9a", "#4c9a9a", "#8a5a44", "#777777")


def write_stage_picture(result: BenchResult, compared: str, path: Path) -> None:
    """Draw one bar a case, made of the medians of its stages; a line reaches to the 99th percentile of `compared`."""
    stages = list(dict.fromkeys(stage for case in result.cases for stage in case.stages_ms))
    parts = [stage for stage in stages if stage not in DERIVED] or [compared]
    colours = dict(zip(parts, itertools.cycle(_COLOURS), strict=False))
    figure = Figure(figsize=(10, 1.8 + 0.5 * len(result.cases)), layout="constrained")
    axes = figure.add_subplot()
    for row, case in enumerate(result.cases):
        left = 0.0
        for stage in filter(case.stages_ms.__contains__, parts):
            width = case.stages_ms[stage].median
            axes.barh(row, width, left=left, color=colours[stage])
            left += width
        whole = case.stages_ms[compared]
        axes.plot([whole.median, whole.p99], [row, row], color="black", linewidth=1)
        axes.annotate(f" {whole.median:.1f} ms", (max(whole.p99, left), row), va="center", fontsize=8)
    axes.set_yticks(range(len(result.cases)), [case.name for case in result.cases])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(f"ms a frame: medians by stage; the line reaches to the 99th percentile of {compared}")
    axes.set_title(machine_line(result.environment), fontsize=8)
    handles = [Patch(color=colour, label=stage) for stage, colour in colours.items()]
    figure.legend(handles=handles, fontsize=8, ncols=len(parts), loc="outside lower center")
    FigureCanvasAgg(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
