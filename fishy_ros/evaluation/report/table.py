"""The small table at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping

from fishy_ros.evaluation.result import ReplayResult
from fishy_ros.terminal import printable

_LATENCY_STAGES = ("total", "inference", "age")


def result_rows(result: ReplayResult) -> list[tuple[str, str]]:
    """List what a run found as pairs of name and value, ready to print."""
    rows: list[tuple[str, str]] = []
    pixel = result.score.pixel if result.score else None
    if pixel:
        rows += [
            ("AP", percent(pixel.ap)),
            ("FPR95", percent(pixel.fpr95)),
            ("AUROC", percent(pixel.auroc)),
            ("best F1", f"{percent(pixel.best_f1)} at score {pixel.best_f1_threshold:.4g}"),
        ]
    else:
        rows += [("AP", "-"), ("FPR95", "-"), ("AUROC", "-")]
    if result.score and result.score.component:
        component = result.score.component
        rows.append(("F1* / sIoU / PPV", " / ".join(map(percent, (component.f1, component.siou, component.ppv)))))
    if result.score and result.score.segmentation:
        rows.append(("mIoU", percent(result.score.segmentation.miou)))
    rows += _region_rows(result)
    timing = result.extra.get("timing")
    if isinstance(timing, Mapping):
        rows.append(("time per frame", f"{timing['mean_ms']:.1f} ms, mean of {timing['frames']} frames"))
    counts = result.frames
    rows.append(("frames", f"{counts.played} played, {counts.published} published, {counts.dropped} dropped"))
    latency = result.latency_ms()
    for stage in _LATENCY_STAGES:
        if stage in latency:
            value = latency[stage]
            rows.append((f"latency {stage}", f"p50 {value.p50:.1f}, p95 {value.p95:.1f}, p99 {value.p99:.1f} ms"))
    return rows


def result_table(result: ReplayResult) -> str:
    """Lay the rows out as text, warnings above them."""
    rows = result_rows(result)
    width = max(len(name) for name, _ in rows)
    warnings = [f"warning: {warning}" for warning in result.all_warnings()]
    return printable("\n".join([*warnings, *(f"{name:<{width}}  {value}" for name, value in rows)]))


def _region_rows(result: ReplayResult) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if result.streaming is not None:
        streaming = result.streaming
        age = f"heatmaps were {streaming.mean_age_ms:.0f} ms old"
        rows.append(("streaming AP", f"{percent(streaming.ap)} (own heatmaps {percent(streaming.plain_ap)}; {age})"))
    if result.regions is not None:
        regions = result.regions
        before, after = regions.in_force.before, regions.in_force.after
        confirmed = f"{regions.confirm_hits} of {regions.confirm_window} frames"
        rows.append(("regions", f"at threshold {regions.threshold:.4g}: at once -> confirmed after {confirmed}"))
        alarms = [f"{one.false_alarms_per_min:.1f}" for one in (before, after)]
        rows.append(("false alarms per min", " -> ".join(alarms)))
        if regions.objects:
            found = [percent(one.object_recall) for one in (before, after)]
            rows.append(("objects found", f"{' -> '.join(found)} of {regions.objects}"))
        if regions.instances is not None:
            rows.append(("instance AP / AP50", f"{percent(regions.instances.ap)} / {percent(regions.instances.ap50)}"))
        if regions.confirmed_distance_m is not None:
            rows.append(("confirmed at", f"{regions.confirmed_distance_m:.1f} m, median"))
    if result.consistency is not None:
        rows.append(("changes of the score", f"{result.consistency.mean_change:.4f} a frame, motion taken out"))
    return rows


def percent(fraction: float) -> str:
    """Format a fraction of 1 in percent.

    >>> percent(0.06667)
    '6.67 %'
    """
    return f"{100 * fraction:.2f} %"
