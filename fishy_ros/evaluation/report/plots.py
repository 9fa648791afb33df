"""Draw the curves and histograms of a report as PNG."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fishy_ros.evaluation.scoring.bootstrap import Interval
from fishy_ros.evaluation.scoring.regions import RegionScores
from fishy_ros.metrics.distribution import ScoreDistribution
from fishy_ros.metrics.objects import GroupMetrics
from fishy_ros.metrics.pixel import Curve

Png = bytes
"""An encoded PNG picture."""

COLORS: tuple[str, ...] = ("#2459a8", "#d1495b", "#3a7d44", "#e0a030", "#6b4c9a", "#4c9a9a", "#8a5a44", "#777777")

_LOWEST_FPR = 1e-5


def plot_curves(curves: Mapping[str, Curve]) -> Png:
    """Draw precision-recall and ROC curves, one line a name; the ROC's false positive axis is logarithmic."""
    figure, (left, right) = _figure(2)
    _draw_curves(left, right, curves)
    return _png(figure)


def plot_comparison(
    curves: Mapping[str, Curve],
    names: Sequence[str],
    metrics: Sequence[tuple[str, Sequence[tuple[float | None, Interval | None]]]],
) -> Png:
    """Draw curves, and beside them every metric of every name with its interval.

    Args:
        curves: by name.
        names: what is compared, in order.
        metrics: name of the metric, and its value and interval for each of `names`; fractions of 1.
    """
    figure, (left, middle, right) = _figure(3)
    _draw_curves(left, middle, curves)
    for row, (_, values) in enumerate(metrics):
        for column, (value, interval) in enumerate(values):
            height = row + 0.24 * (column - (len(names) - 1) / 2)
            color = COLORS[column]
            if interval is not None:
                right.plot([100 * interval.low, 100 * interval.high], [height, height], color=color, linewidth=2)
            if value is not None:
                right.plot([100 * value], [height], "o", color=color, label=names[column] if row == 0 else None)
    right.set_yticks(range(len(metrics)), [name for name, _ in metrics])
    right.invert_yaxis()
    right.set(xlabel="%", title="95 % intervals over frames", xlim=(-2, 102))
    return _png(figure)


def plot_distribution(distribution: ScoreDistribution, threshold: float | None) -> Png:
    """Draw the share of normal and anomalous pixels in every score bin, on a logarithmic axis."""
    figure, (axes,) = _figure(1)
    counted = ((distribution.normal, "normal"), (distribution.anomalous, "anomalous"))
    for color, (counts, name) in zip(COLORS, counted, strict=False):
        if counts.sum():
            axes.stairs(
                counts / counts.sum(), distribution.edges, fill=True, alpha=0.45, color=color, label=f"{name} pixels"
            )
    if threshold is not None:
        axes.axvline(threshold, color="#333333", linewidth=1, linestyle="--", label="threshold of best F1")
    axes.set(xlabel="score", ylabel="share of pixels per bin", title="Scores", yscale="log")
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def plot_groups(groups: Sequence[GroupMetrics], title: str) -> Png:
    """Draw AP and FPR95 of every group as bars."""
    figure, (axes,) = _figure(1)
    rows = np.arange(len(groups))
    axes.barh(rows - 0.19, [100 * group.ap for group in groups], 0.38, color=COLORS[0], label="AP")
    axes.barh(rows + 0.19, [100 * group.fpr95 for group in groups], 0.38, color=COLORS[1], label="FPR95")
    axes.set_yticks(rows, [f"{group.name}\n{group.objects} objects" for group in groups])
    axes.invert_yaxis()
    axes.set(xlabel="%", xlim=(0, 100))
    axes.set_title(textwrap.fill(title, 48), loc="left")
    # Below the axes, and drawn by the figure: beside the title it covers a long one.
    figure.legend(frameon=False, fontsize=8, ncol=2, loc="outside lower right")
    return _png(figure)


def plot_regions(regions: RegionScores) -> Png:
    """Draw false alarms per minute and objects found over the threshold, before and after persistence."""
    figure, (left, right) = _figure(2)
    thresholds = [point.threshold for point in regions.curve]
    confirmed = f"after {regions.confirm_hits} of {regions.confirm_window} frames"
    for color, name, counts in (
        (COLORS[1], "at once", [point.before for point in regions.curve]),
        (COLORS[0], confirmed, [point.after for point in regions.curve]),
    ):
        left.plot(thresholds, [one.false_alarms_per_min for one in counts], "o-", color=color, label=name, markersize=3)
        recalls = [100 * one.object_recall for one in counts]
        right.plot(thresholds, recalls, "o-", color=color, label=f"objects, {name}", markersize=3)
        frame_recalls = [100 * one.frame_recall for one in counts]
        right.plot(thresholds, frame_recalls, ":", color=color, label=f"appearances, {name}")
    for axes in (left, right):
        axes.axvline(regions.threshold, color="#333333", linewidth=1, linestyle="--")
        axes.set(xlabel="threshold (dashed: in force)")
    left.set(ylabel="false alarms per minute", title="False alarms", yscale="symlog", ylim=(0, None))
    right.set(ylabel="found, %", title=f"{regions.objects} objects", ylim=(-2, 102))
    left.legend(frameon=False, fontsize=8)
    right.legend(frameon=False, fontsize=8)
    return _png(figure)


def plot_latency_histogram(series: Mapping[str, NDArray[np.float64]], stage: str) -> Png:
    """Draw how often each latency of one stage occurs, with p50, p95 and p99."""
    figure, (axes,) = _figure(1)
    values = series[stage]
    axes.hist(values, bins=min(50, max(10, values.size // 4)), color=COLORS[0], alpha=0.8)
    for color, share in zip(("#3a7d44", "#e0a030", "#d1495b"), (50, 95, 99), strict=True):
        at = float(np.percentile(values, share))
        axes.axvline(at, color=color, linewidth=1.4, label=f"p{share} {at:.1f} ms")
    axes.set(xlabel=f"{stage} (ms)", ylabel="frames", title=f"Latency: {stage}")
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def plot_timeline(stages: Mapping[str, NDArray[np.float64]], total: NDArray[np.float64] | None) -> Png:
    """Draw the stages of every frame on top of each other, in order of play; arrays `[F]` in ms, NaN where missing."""
    figure, (axes,) = _figure(1)
    names = list(stages)
    frames = np.arange(len(next(iter(stages.values()))) if stages else 0)
    heights = [np.nan_to_num(stages[name]) for name in names]
    if names:
        axes.stackplot(frames, heights, labels=names, colors=COLORS, alpha=0.8, step="mid")
    if total is not None:
        axes.plot(frames, total, color="#222222", linewidth=0.9, label="total")
    axes.set(xlabel="frame", ylabel="ms", title="Latency of every frame by stage", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8, ncol=4)
    return _png(figure)


def _draw_curves(left: Axes, right: Axes, curves: Mapping[str, Curve]) -> None:
    for color, (name, curve) in zip(COLORS, curves.items(), strict=False):
        left.step(curve.recall, curve.precision, where="pre", color=color, label=_plain(name))
        right.plot(np.maximum(curve.fpr, _LOWEST_FPR), curve.recall, color=color, label=_plain(name))
    left.set(xlabel="recall", ylabel="precision", title="Precision and recall", xlim=(0, 1), ylim=(0, 1.02))
    right.axhline(0.95, color="#999999", linewidth=0.8, linestyle="--")
    right.set(
        xlabel="false positive rate",
        ylabel="true positive rate",
        title="ROC (dashed: TPR 95 %)",
        xscale="log",
        xlim=(_LOWEST_FPR, 1),
        ylim=(0, 1.02),
    )
    if len(curves) > 1:
        left.legend(frameon=False, fontsize=8)


def _plain(name: str) -> str:
    """Keep matplotlib from reading a name as a formula."""
    return name.replace("$", r"\$")


def _figure(columns: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5.2 * columns, 3.6), layout="constrained")
    axes = [figure.add_subplot(1, columns, column + 1) for column in range(columns)]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(alpha=0.25)
        one.set_axisbelow(True)
    return figure, axes


def _png(figure: Figure) -> Png:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()
