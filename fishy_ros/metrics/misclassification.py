"""How well the anomaly score predicts that the segmentation is wrong.

Blum et al., "The Fishyscapes Benchmark", IJCV 2021, appendix A: a pixel is positive where the predicted class
differs from the true one; void pixels are left out; all frames are pooled. Reported are the average precision
and max J, the largest value over all thresholds of Youden's index J = TPR - FPR (Youden, 1950). Pixels at a
threshold count as above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fishy_ros.errors import ScoreError
from fishy_ros.metrics.histogram import ScoreHistogram
from fishy_ros.metrics.keys import keys_to_scores
from fishy_ros.metrics.pixel import PixelAccumulator, pixel_metrics
from fishy_ros.metrics.segmentation import CLASSES
from fishy_ros.metrics.thresholds import descend
from fishy_ros.types import ANOMALY, IGNORED, LabelMap, ScoreMap


@dataclass(frozen=True)
class MisclassificationMetrics:
    """Detection of wrong classes by the score; fractions of 1."""

    max_j: float
    max_j_threshold: float
    ap: float
    wrong: int
    """Misclassified pixels."""
    right: int


class MisclassificationAccumulator:
    """Pool wrongly and rightly classified pixels of a stream of frames."""

    def __init__(self) -> None:
        self._pixels = PixelAccumulator()

    def update(self, score: ScoreMap, predicted: LabelMap, truth: LabelMap, frame: str) -> None:
        """Add one frame.

        Args:
            score: float32 `[H, W]`.
            predicted: uint8 `[H, W]`, predicted train ids.
            truth: uint8 `[H, W]`, true train ids; values above 18 are void.
            frame: names the frame in errors.

        Raises:
            ScoreError: the shapes differ, or an evaluated score is NaN.
        """
        if predicted.shape != truth.shape:
            raise ScoreError(f"{frame}: predicted classes are {predicted.shape}, the true ones {truth.shape}")
        wrong = np.where(predicted == truth, np.uint8(0), np.uint8(ANOMALY))
        wrong[truth >= CLASSES] = IGNORED
        self._pixels.update(score, wrong, frame)

    def merge(self, other: MisclassificationAccumulator) -> None:
        """Add all frames of `other`."""
        self._pixels.merge(other._pixels)

    @property
    def tells_apart(self) -> bool:
        """Whether there are both wrong and right pixels, so that `compute` has an answer."""
        return bool(self._pixels.positives.total and self._pixels.negatives.total)

    def compute(self) -> MisclassificationMetrics:
        """Evaluate all frames so far.

        Raises:
            ScoreError: no pixel is wrong, or none is right.
        """
        wrong, right = self._pixels.positives, self._pixels.negatives
        max_j, threshold = max_youden(wrong, right)
        return MisclassificationMetrics(
            max_j=max_j,
            max_j_threshold=threshold,
            ap=pixel_metrics(wrong, right).ap,
            wrong=wrong.total,
            right=right.total,
        )


def max_youden(positives: ScoreHistogram, negatives: ScoreHistogram) -> tuple[float, float]:
    """Return the largest TPR - FPR over all thresholds, at least 0, and the highest score where it is reached.

    Raises:
        ScoreError: one of the histograms is empty.
    """
    if positives.total == 0 or negatives.total == 0:
        raise ScoreError(f"{positives.total} positive and {negatives.total} negative pixels; expected one each")
    best, best_key = 0.0, np.uint32(0xFFFFFFFF)
    for page in descend(positives, negatives):
        youden = page.tp / positives.total - page.fp / negatives.total
        at = int(np.argmax(youden))
        if youden[at] > best:
            best, best_key = float(youden[at]), page.keys[at]
    threshold = float("inf") if best == 0.0 else float(keys_to_scores(np.array([best_key]))[0])
    return best, threshold
