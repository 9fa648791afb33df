"""Set two reports side by side, with intervals that say whether a difference means anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.report.report import BINS_FILE, JSON_FILE
from fishy_ros.evaluation.report.report_json import load_report
from fishy_ros.evaluation.scoring.bootstrap import METRICS, Interval, draw_frames, intervals, resample
from fishy_ros.evaluation.scoring.frame_bins import FrameBins
from fishy_ros.metrics.pixel import Curve
from fishy_ros.terminal import printable

SAMPLES = 2000
"""Bootstrap samples of a comparison."""


@dataclass(frozen=True)
class LoadedReport:
    """A report read from disk."""

    path: Path
    report: dict[str, Any]
    bins: FrameBins | None

    @property
    def label(self) -> str:
        """A short name: the model's, or the folder's."""
        model = self.report.get("model")
        label = f"{model['name']} {model['version']}" if model else self.path.parent.resolve().name
        return printable(label)

    @property
    def curve(self) -> Curve | None:
        """The curves of the report, if it has any.

        Raises:
            ScoreError: they have different numbers of points.
        """
        pixel = (self.report.get("score") or {}).get("pixel")
        if not pixel:
            return None
        names = ("threshold", "precision", "recall", "fpr")
        points = [np.array(pixel["curve"][name], np.float64) for name in names]
        if len({array.size for array in points}) > 1:
            sizes = ", ".join(f"{name} {array.size}" for name, array in zip(names, points, strict=True))
            raise ScoreError(f"{self.path}: score.pixel.curve has lists of different lengths: {sizes}")
        return Curve(*points)


@dataclass(frozen=True)
class MetricComparison:
    """One metric of both reports, fractions of 1; B - A is positive where B is larger."""

    name: str
    a: float | None
    b: float | None
    a_interval: Interval | None
    b_interval: Interval | None
    difference_interval: Interval | None
    b_larger: float | None
    """Share of the bootstrap samples in which B is larger."""

    @property
    def difference(self) -> float | None:
        """B - A."""
        return None if self.a is None or self.b is None else self.b - self.a


@dataclass(frozen=True)
class Comparison:
    """Two reports side by side."""

    a: LoadedReport
    b: LoadedReport
    metrics: tuple[MetricComparison, ...]
    paired_frames: int
    """Frames in both; 0 where the reports were resampled independently."""
    notes: tuple[str, ...]


def read_report(path: Path) -> LoadedReport:
    """Read a `report.json`, or the one in a folder, and the per-frame counts beside it, if they are there.

    Raises:
        ScoreError: the report or the counts cannot be read.
    """
    path = path / JSON_FILE if path.is_dir() else path
    report = load_report(path)
    bins_path = path.with_name(BINS_FILE)
    return LoadedReport(path, report, FrameBins.load(bins_path) if bins_path.is_file() else None)


def compare_reports(a: LoadedReport, b: LoadedReport, seed: int = 0) -> Comparison:
    """Compare two reports.

    Where both scored the same frames of the same input, every bootstrap sample draws the same frames for both, so that
    what is hard for both does not blur the difference; otherwise each is resampled by itself.
    """
    notes = _notes(a, b)
    same = _are_of_the_same_frames(a, b)
    samples_a = _samples(a.bins, seed)
    samples_b = _samples(b.bins, seed if same else seed + 1)
    for loaded, samples in ((a, samples_a), (b, samples_b)):
        if samples is None:
            notes.append(f"{loaded.path}: no intervals, {BINS_FILE} beside it is missing or has under two frames")
    if samples_a is not None and samples_b is not None and not same:
        notes.append("the reports scored different frames: their intervals are independent")
    return Comparison(
        a=a,
        b=b,
        metrics=tuple(_compare(name, a, b, samples_a, samples_b) for name in METRICS),
        paired_frames=len(a.bins.frames) if same and a.bins else 0,
        notes=tuple(notes),
    )


def _are_of_the_same_frames(a: LoadedReport, b: LoadedReport) -> bool:
    """Tell whether frames of equal names are the same: bags number theirs, so that those of any two have equal names.

    The hash of saved maps covers the scores; theirs are the same if each has as many pixels of both kinds in A and B.
    """
    if a.bins is None or b.bins is None or a.bins.frames != b.bins.frames:
        return False
    if "maps" not in (a.report["mode"], b.report["mode"]):
        return bool(a.report["input_sha256"] == b.report["input_sha256"])
    counts = ((a.bins.positives, b.bins.positives), (a.bins.negatives, b.bins.negatives))
    return all(np.array_equal(of_a.sum(axis=1), of_b.sum(axis=1)) for of_a, of_b in counts)


def _samples(bins: FrameBins | None, seed: int) -> NDArray[np.float64] | None:
    if bins is None or len(bins.frames) < 2:
        return None
    return resample(bins, draw_frames(len(bins.frames), SAMPLES, seed))


def _compare(
    name: str,
    a: LoadedReport,
    b: LoadedReport,
    samples_a: NDArray[np.float64] | None,
    samples_b: NDArray[np.float64] | None,
) -> MetricComparison:
    column = METRICS.index(name)
    difference = larger = None
    if samples_a is not None and samples_b is not None:
        gains = (samples_b - samples_a)[:, column]
        gains = gains[np.isfinite(gains)]
        difference = intervals(samples_b - samples_a).get(name)
        larger = float(np.mean(gains > 0)) if gains.size else None
    return MetricComparison(
        name=name,
        a=a.report["metrics"][name],
        b=b.report["metrics"][name],
        a_interval=None if samples_a is None else intervals(samples_a).get(name),
        b_interval=None if samples_b is None else intervals(samples_b).get(name),
        difference_interval=difference,
        b_larger=larger,
    )


def _notes(a: LoadedReport, b: LoadedReport) -> list[str]:
    """Say where the reports are not about the same thing."""
    notes = []
    for key, what in (("source", "sources"), ("input_sha256", "inputs (input_sha256)"), ("mode", "modes")):
        if a.report.get(key) != b.report.get(key):
            notes.append(f"the {what} differ")
    if a.report["host"]["cpu"] != b.report["host"]["cpu"] or a.report["host"]["gpus"] != b.report["host"]["gpus"]:
        notes.append("the machines differ: latencies cannot be compared")
    return notes
