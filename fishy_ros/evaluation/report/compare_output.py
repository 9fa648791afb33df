"""Print and draw a comparison of two reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.report import plots
from fishy_ros.evaluation.report.compare import Comparison, MetricComparison
from fishy_ros.evaluation.report.table import percent
from fishy_ros.evaluation.scoring.bootstrap import Interval
from fishy_ros.files import replacing, write_json

_DRIVE_FIGURES = (
    ("streaming AP", "streaming.ap", 100.0, ".2f", " %"),
    ("streaming FPR95", "streaming.fpr95", 100.0, ".2f", " %"),
    ("age of heatmaps", "streaming.mean_age_ms", 1.0, ".2f", " ms"),
    ("instance AP", "regions.instances.ap", 100.0, ".2f", " %"),
    ("instance AP50", "regions.instances.ap50", 100.0, ".2f", " %"),
    ("F1*", "metrics.component.f1", 100.0, ".2f", " %"),
    ("sIoU", "metrics.component.siou", 100.0, ".2f", " %"),
    ("PPV", "metrics.component.ppv", 100.0, ".2f", " %"),
    ("objects found", "regions.in_force.after.object_recall", 100.0, ".2f", " %"),
    ("false alarms per min", "regions.in_force.after.false_alarms_per_min", 1.0, ".2f", ""),
    ("confirmed at", "regions.confirmed_distance_m", 1.0, ".2f", " m"),
    ("change of the score", "consistency.mean_change", 1.0, ".4f", ""),
)
"""Name, place in the report, factor, format and unit of what is compared without intervals."""
_LATENCIES = tuple(
    (f"{stage} {quantile} ms", f"latency_ms.{stage}.{quantile}", 1.0, ".1f", "")
    for stage, quantile in (("total", "p50"), ("total", "p95"), ("inference", "p50"), ("age", "p95"))
)


def comparison_table(comparison: Comparison) -> str:
    """Lay a comparison out as text, what limits it last."""
    rows = [("", f"A: {comparison.a.label}", f"B: {comparison.b.label}", "B - A", "B larger")]
    rows += [_metric_row(metric) for metric in comparison.metrics]
    rows += _figure_rows(comparison, _DRIVE_FIGURES) + _frame_rows(comparison) + _figure_rows(comparison, _LATENCIES)
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if comparison.paired_frames:
        lines.append(f"[ ]: 95 % bootstrap intervals over {comparison.paired_frames} frames, the same ones for A and B")
    return "\n".join([*lines, *(f"note: {note}" for note in comparison.notes)])


def write_comparison(comparison: Comparison, out: Path) -> Path:
    """Write `comparison.json` and `comparison.png` into a folder; each appears whole or not at all.

    Raises:
        ScoreError: the folder cannot be written.
    """
    content = {
        "a": str(comparison.a.path),
        "b": str(comparison.b.path),
        "metrics": [{**asdict(metric), "difference": metric.difference} for metric in comparison.metrics],
        "paired_frames": comparison.paired_frames,
        "notes": list(comparison.notes),
    }
    try:
        with replacing(out / "comparison.png") as picture:
            picture.write_bytes(draw_comparison(comparison))
        write_json(out / "comparison.json", content)
    except OSError as error:
        raise ScoreError(f"{out}: the comparison cannot be written: {error.strerror or error}") from error
    return out / "comparison.png"


def draw_comparison(comparison: Comparison) -> bytes:
    """Draw both curves, and each metric with its interval, as PNG."""
    names = (f"A: {comparison.a.label}", f"B: {comparison.b.label}")
    curves = {
        name: curve
        for name, curve in zip(names, (comparison.a.curve, comparison.b.curve), strict=True)
        if curve is not None
    }
    metrics = [
        (metric.name, ((metric.a, metric.a_interval), (metric.b, metric.b_interval))) for metric in comparison.metrics
    ]
    return plots.plot_comparison(curves, names, metrics)


def _metric_row(metric: MetricComparison) -> tuple[str, str, str, str, str]:
    difference = "-" if metric.difference is None else f"{100 * metric.difference:+.2f}"
    if metric.difference_interval:
        low, high = metric.difference_interval.low, metric.difference_interval.high
        difference += f" [{100 * low:+.2f}, {100 * high:+.2f}]"
    return (
        metric.name,
        _with_interval(metric.a, metric.a_interval),
        _with_interval(metric.b, metric.b_interval),
        difference,
        "" if metric.b_larger is None else percent(metric.b_larger),
    )


def _with_interval(value: float | None, interval: Interval | None) -> str:
    text = "-" if value is None else percent(value)
    return text if interval is None else f"{text} [{100 * interval.low:.2f}, {100 * interval.high:.2f}]"


def _figure_rows(
    comparison: Comparison, figures: Sequence[tuple[str, str, float, str, str]]
) -> list[tuple[str, str, str, str, str]]:
    """Compare what both reports have; of regions and in real time a slow, accurate model may lose to a fast one."""
    rows = []
    for name, path, scale, form, unit in figures:
        values = [_look_up(loaded.report, path) for loaded in (comparison.a, comparison.b)]
        if None in values:
            continue
        first, second = (scale * float(value) for value in values if value is not None)
        rows.append((name, f"{first:{form}}{unit}", f"{second:{form}}{unit}", f"{second - first:+{form}}", ""))
    return rows


def _look_up(report: Mapping[str, object], path: str) -> float | None:
    """Return a number that lies deep in a report; None where it is not."""
    value: object = report
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def _frame_rows(comparison: Comparison) -> list[tuple[str, str, str, str, str]]:
    counts = (comparison.a.report["frames"], comparison.b.report["frames"])
    return [(f"frames {name}", str(counts[0][name]), str(counts[1][name]), "", "") for name in ("played", "dropped")]
