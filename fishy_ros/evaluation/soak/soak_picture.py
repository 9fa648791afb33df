"""Draw a soak over time: memory, descriptors and threads, latency, and where the faults were."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from fishy_ros.evaluation.report.plots import COLORS
from fishy_ros.evaluation.soak.soak_plan import FAULTS
from fishy_ros.evaluation.soak.soak_result import SoakResult


def write_soak_picture(result: SoakResult, path: Path) -> None:
    """Write a PNG with one panel a quantity; a line marks every fault, in the color of its kind."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    memory, handles, latency = figure.subplots(3, 1, sharex=True)
    minutes = [sample.at_s / 60 for sample in result.samples]
    memory.plot(minutes, [s.rss_bytes / 2**20 for s in result.samples], color="black", label="resident")
    memory.plot(minutes, [s.shared_bytes / 2**20 for s in result.samples], "k:", label="of it shared")
    memory.set_ylabel("memory (MiB)")
    handles.plot(minutes, [sample.descriptors for sample in result.samples], color="black", label="file descriptors")
    handles.plot(minutes, [sample.threads for sample in result.samples], color="grey", label="threads")
    handles.set_ylabel("held by the node")
    handles.legend(fontsize=8, loc="lower left")
    nan = float("nan")
    for name, values in (
        ("median", [sample.round_trip_ms for sample in result.samples]),
        ("maximum", [sample.round_trip_max_ms for sample in result.samples]),
    ):
        color = "black" if name == "median" else "grey"
        latency.plot(minutes, [nan if v is None else v for v in values], ".-", markersize=3, color=color, label=name)
    latency.set(ylabel="sent to heard (ms)", yscale="log", xlabel="minutes")
    colors = dict(zip(FAULTS, COLORS, strict=True))
    for axes in (memory, handles, latency):
        axes.grid(alpha=0.25)
        for outcome in result.faults:
            axes.axvline(outcome.fault.at_s / 60, color=colors[outcome.fault.kind], linewidth=0.8, alpha=0.6)
    latency.legend(fontsize=8, loc="upper left")
    for kind, color in colors.items():
        memory.plot([], [], color=color, label=kind)
    memory.legend(fontsize=8, ncols=len(FAULTS) + 2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100, metadata={"Software": None})
