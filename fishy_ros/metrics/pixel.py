"""Pixel metrics of anomaly scores, exact over a stream of frames: AP, AUROC, FPR at 95 % TPR, best F1, curves.

Definition: that of the Fishyscapes benchmark (Blum et al., IJCV 2021, section 3.3). The pixels of all frames
are pooled; every distinct float32 score is a threshold and pixels at or above it count as anomalous, so tied
pixels enter together; pixels with a label other than normal or anomaly are left out. Average precision is
the sum of the recall steps times the precision there, without interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ScoreError
from fishy_ros.metrics.histogram import ScoreHistogram
from fishy_ros.metrics.keys import keys_to_scores, scores_to_keys
from fishy_ros.metrics.thresholds import descend
from fishy_ros.types import ANOMALY, NORMAL, LabelMap, ScoreMap

CURVE_POINTS = 1000
"""A curve keeps one threshold for each step of this fraction of recall."""


class SortedFrame(NamedTuple):
    """The evaluated pixels of one frame as ascending uint32 score keys (see `keys`)."""

    positives: NDArray[np.uint32]
    negatives: NDArray[np.uint32]


@dataclass(frozen=True)
class Curve:
    """Points of the precision-recall and ROC curves, from the highest threshold down; float64 `[N]` each.

    Every point is exact, at a score that occurs; the last one is at recall 1.
    """

    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    """Also the true positive rate."""
    fpr: NDArray[np.float64]


@dataclass(frozen=True)
class PixelMetrics:
    """Metrics of pooled pixels; rates are fractions of 1.

    Examples:
        >>> score = np.float32([[0.9, 0.8], [0.3, 0.1]])
        >>> labels = np.uint8([[1, 0], [1, 255]])  # 0 normal, 1 anomaly, 255 ignored
        >>> metrics = PixelMetrics.of([(score, labels)])
        >>> round(metrics.ap, 4), metrics.auroc, metrics.fpr95
        (0.8333, 0.5, 1.0)
    """

    ap: float
    auroc: float
    fpr95: float
    """False positive rate at the highest threshold whose true positive rate is at least 0.95."""
    fpr95_threshold: float
    best_f1: float
    best_f1_threshold: float
    """The highest score at which F1 is largest."""
    positives: int
    """Anomalous pixels."""
    negatives: int
    """Normal pixels."""
    curve: Curve

    @classmethod
    def of(cls, frames: Iterable[tuple[ScoreMap, LabelMap]]) -> PixelMetrics:
        """Evaluate pairs of a score map, float32 `[H, W]`, and its labels, uint8 `[H, W]`; see `PixelAccumulator`.

        Raises:
            ScoreError: the maps of a frame do not fit together, or no pixel of one of the two classes occurs.
        """
        accumulator = PixelAccumulator()
        for number, (score, labels) in enumerate(frames):
            accumulator.update(score, labels, f"frame {number}")
        return accumulator.compute()


class PixelAccumulator:
    """Pool the pixels of a stream of frames; memory is bounded by the distinct scores, not by the frames.

    Examples:
        >>> accumulator = PixelAccumulator()
        >>> score = np.float32([[0.9, 0.8], [0.3, 0.1]])
        >>> _ = accumulator.update(score, np.uint8([[1, 0], [1, 255]]), "frame 1")
        >>> metrics = accumulator.compute()
        >>> round(metrics.ap, 4), metrics.auroc, metrics.fpr95
        (0.8333, 0.5, 1.0)
    """

    def __init__(self) -> None:
        self.positives = ScoreHistogram()
        self.negatives = ScoreHistogram()
        self.frames = 0

    def update(self, score: ScoreMap, labels: LabelMap, frame: str) -> SortedFrame:
        """Add one frame and return its sorted pixels.

        Args:
            score: float32 `[H, W]`; infinite values are allowed.
            labels: uint8 `[H, W]`; only `NORMAL` and `ANOMALY` are evaluated.
            frame: names the frame in errors.

        Raises:
            ScoreError: the shapes differ, the score is not a float32 array or an evaluated score is NaN.
        """
        pixels = sort_frame(score, labels, frame)
        self.add(pixels)
        return pixels

    def add(self, pixels: SortedFrame) -> None:
        """Add a frame that `sort_frame` has sorted."""
        self.positives.add(pixels.positives)
        self.negatives.add(pixels.negatives)
        self.frames += 1

    def merge(self, other: PixelAccumulator) -> None:
        """Add all frames of `other`; the result is bit-identical to having seen them here."""
        self.positives.merge(other.positives)
        self.negatives.merge(other.negatives)
        self.frames += other.frames

    def compute(self) -> PixelMetrics:
        """Evaluate all frames so far.

        Raises:
            ScoreError: there is no anomalous or no normal pixel.
        """
        return pixel_metrics(self.positives, self.negatives)


def sort_frame(score: ScoreMap, labels: LabelMap, frame: str) -> SortedFrame:
    """Check one frame and sort its evaluated pixels; see `PixelAccumulator.update`."""
    if score.shape != labels.shape:
        raise ScoreError(f"{frame}: the score map is {score.shape}, the labels are {labels.shape}; expected the same")
    if score.dtype != np.float32:
        raise ScoreError(f"{frame}: the score map is {score.dtype}, expected float32")
    anomalous, normal = score[labels == ANOMALY], score[labels == NORMAL]
    missing = np.count_nonzero(np.isnan(anomalous)) + np.count_nonzero(np.isnan(normal))
    if missing:
        raise ScoreError(f"{frame}: {missing} evaluated scores are NaN; expected numbers")
    return SortedFrame(_sorted_keys(anomalous), _sorted_keys(normal))


def pixel_metrics(positives: ScoreHistogram, negatives: ScoreHistogram) -> PixelMetrics:
    """Evaluate anomalous against normal score counts.

    Raises:
        ScoreError: one of the two is empty.
    """
    if positives.total == 0 or negatives.total == 0:
        raise ScoreError(
            f"{positives.total} anomalous and {negatives.total} normal pixels were given; expected at least one each"
        )
    ap_terms, area_terms = [], []
    best_f1, best_f1_key = -1.0, 0
    fpr95, fpr95_key = math.nan, 0
    curve: list[NDArray[np.float64]] = []
    previous_step = 0
    for page in descend(positives, negatives):
        precision = page.tp / (page.tp + page.fp)
        ap_terms.append(float(np.dot(page.gained, precision)))
        area_terms.append(float(np.dot(page.gained, negatives.total - page.fp + page.tied / 2)))
        f1 = 2 * page.tp / (page.tp + page.fp + positives.total)
        best = int(np.argmax(f1))
        if f1[best] > best_f1:
            best_f1, best_f1_key = float(f1[best]), int(page.keys[best])
        recall = page.tp / positives.total
        fpr = page.fp / negatives.total
        if math.isnan(fpr95) and recall[-1] >= 0.95:
            at = int(np.argmax(recall >= 0.95))
            fpr95, fpr95_key = float(fpr[at]), int(page.keys[at])
        steps = page.tp * CURVE_POINTS // positives.total
        kept = np.flatnonzero(np.diff(steps, prepend=previous_step))
        previous_step = int(steps[-1])
        thresholds = keys_to_scores(page.keys[kept]).astype(np.float64)
        curve.append(np.stack([thresholds, precision[kept], recall[kept], fpr[kept]]))
    return PixelMetrics(
        ap=math.fsum(ap_terms) / positives.total,
        auroc=math.fsum(area_terms) / positives.total / negatives.total,
        fpr95=fpr95,
        fpr95_threshold=_score_of(fpr95_key),
        best_f1=best_f1,
        best_f1_threshold=_score_of(best_f1_key),
        positives=positives.total,
        negatives=negatives.total,
        curve=Curve(*np.concatenate(curve, axis=1)),
    )


def _sorted_keys(scores: ScoreMap) -> NDArray[np.uint32]:
    keys = scores_to_keys(scores)
    keys.sort()
    return keys


def _score_of(key: int) -> float:
    return float(keys_to_scores(np.array([key], np.uint32))[0])
