"""The report as one self-contained page."""

from __future__ import annotations

import base64
import math
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fishy_ros.evaluation.report.report_pictures import ReportPictures
from fishy_ros.evaluation.report.table import percent, result_rows
from fishy_ros.evaluation.result import ReplayResult
from fishy_ros.evaluation.scoring.bootstrap import Interval

TEMPLATE = "report.html.j2"


def render_page(result: ReplayResult, pictures: ReportPictures, intervals: dict[str, Interval]) -> str:
    """Render the page; every text from outside (names of files, frames, bags) is escaped.

    Args:
        result: what to report.
        pictures: embedded into the page.
        intervals: 95 % intervals by metric.
    """
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            result=result,
            score=result.score,
            rows=[(name, value, _interval_text(intervals.get(name))) for name, value in result_rows(result)],
            latency=result.latency_ms(),
            plots={name: _data_uri(content, "png") for name, content in pictures.plots.items()},
            gallery=[
                {
                    "group": entry.group,
                    "frame": entry.frame,
                    "ap": entry.ap,
                    "pictures": {name: _data_uri(content, "jpeg") for name, content in entry.jpegs.items()},
                }
                for entry in pictures.gallery
            ],
            facts=_facts(result, intervals),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fishy_ros.evaluation.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent_or_dash
    environment.filters["ms"] = _ms
    environment.filters["thousands"] = _thousands
    return environment


def _facts(result: ReplayResult, intervals: dict[str, Interval]) -> list[str]:
    """Say in sentences what the numbers rest on."""
    facts = [_MODES.get(result.mode, f"Mode: {result.mode}.")]
    score = result.score
    if score is not None:
        with_anomalies = sum(1 for frame in score.frames if frame.positives)
        objects = sum(group.objects for group in score.by_size)
        facts.append(
            f"{len(score.frames):,} labelled frames, {with_anomalies:,} of them with anomalies: {objects:,} objects."
        )
        if score.pixel is not None:
            share = score.pixel.positives / (score.pixel.positives + score.pixel.negatives)
            facts.append(
                f"{score.pixel.positives:,} anomalous and {score.pixel.negatives:,} normal pixels "
                f"({100 * share:.3f} % anomalous): a score without any information has an AP of {100 * share:.3f} %."
            )
        if score.unlabelled:
            facts.append(f"{score.unlabelled:,} frames without labels are not in the metrics.")
    if result.frames.dropped:
        share = result.frames.dropped / max(result.frames.played, 1)
        facts.append(f"{result.frames.dropped:,} frames ({percent(share)}) have no heatmap and are not scored.")
    if intervals:
        facts.append("Intervals are 95 % bootstrap intervals over frames: how far others of this kind may differ.")
    return facts


_MODES = {
    "live": "The heatmaps are those that the running node published over DDS at the speed of play.",
    "lockstep": "The heatmaps are those that the running node published over DDS, one frame at a time.",
    "attach": "The heatmaps are those that a node running elsewhere published over DDS.",
    "offline": "The heatmaps were computed in the process of the harness, without ROS.",
    "maps": "The heatmaps were read from disk; who made them is not known here.",
}


def _interval_text(interval: Interval | None) -> str:
    return f"{percent(interval.low)} to {percent(interval.high)}" if interval else ""


def _percent_or_dash(value: float) -> str:
    return "–" if math.isnan(value) else percent(value)  # noqa: RUF001 (an en dash is meant)


def _ms(value: float) -> str:
    return f"{value:.1f}"


def _thousands(value: Any) -> str:
    return f"{value:,}"


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
