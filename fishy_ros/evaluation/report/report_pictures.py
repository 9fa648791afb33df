"""All pictures of a report, drawn once for the page and for the folder of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.evaluation.replay.match import ROUND_TRIP
from fishy_ros.evaluation.report import plots
from fishy_ros.evaluation.report.gallery_pictures import GalleryPictures, draw_gallery
from fishy_ros.evaluation.result import FrameLatency, ReplayResult, latency_series
from fishy_ros.evaluation.scoring.summary import ScoreSummary

SUMMARIES: tuple[str, ...] = ("total", "age", ROUND_TRIP)
"""Stages of the latency that are sums of other ones."""


@dataclass(frozen=True)
class ReportPictures:
    """Encoded pictures by name; a name that does not apply is absent."""

    plots: dict[str, bytes]
    """PNG: `curves`, `scores`, `by_size`, `by_distance`, `regions`, `latency`, `timeline`."""
    gallery: tuple[GalleryPictures, ...]

    def files(self) -> dict[str, bytes]:
        """Name every picture as a file."""
        files = {f"{name}.png": content for name, content in self.plots.items()}
        rank: dict[str, int] = {}
        for pictures in self.gallery:
            rank[pictures.group] = rank.get(pictures.group, 0) + 1
            for name, content in pictures.jpegs.items():
                files[f"{pictures.group}-{rank[pictures.group]}-{name}.jpg"] = content
        return files


def draw_pictures(result: ReplayResult) -> ReportPictures:
    """Draw everything that the result has data for."""
    drawn: dict[str, bytes] = {}
    gallery: tuple[GalleryPictures, ...] = ()
    if result.score is not None:
        drawn |= _score_plots(result.score)
        edges = result.score.distribution.edges
        threshold = result.score.pixel.best_f1_threshold if result.score.pixel else None
        gallery = tuple(draw_gallery(result.score.gallery, (float(edges[0]), float(edges[-1])), threshold))
    if result.regions is not None:
        drawn["regions"] = plots.plot_regions(result.regions)
    if result.latencies:
        drawn |= _latency_plots(result.latencies)
    return ReportPictures(drawn, gallery)


def _score_plots(score: ScoreSummary) -> dict[str, bytes]:
    drawn = {}
    if score.pixel is not None:
        drawn["curves"] = plots.plot_curves({"all frames": score.pixel.curve})
    if score.frames:
        threshold = score.pixel.best_f1_threshold if score.pixel else None
        drawn["scores"] = plots.plot_distribution(score.distribution, threshold)
    if score.by_size:
        drawn["by_size"] = plots.plot_groups(score.by_size, "By object size")
    if score.by_distance:
        drawn["by_distance"] = plots.plot_groups(score.by_distance, "By distance (row of the image)")
    return drawn


def _latency_plots(latencies: tuple[FrameLatency, ...]) -> dict[str, bytes]:
    series = latency_series(latencies)
    if not series:
        return {}
    shown = next((stage for stage in SUMMARIES if stage in series), next(iter(series)))
    rows = {stage: _row(latencies, stage) for stage in series}
    total = rows.get("total")
    parts = {stage: row for stage, row in rows.items() if stage not in SUMMARIES}
    return {
        "latency": plots.plot_latency_histogram(series, shown),
        "timeline": plots.plot_timeline(parts, total),
    }


def _row(latencies: tuple[FrameLatency, ...], stage: str) -> NDArray[np.float64]:
    return np.array([latency.stages_ms.get(stage, np.nan) for latency in latencies], np.float64)
