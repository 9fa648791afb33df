"""The CAOS protocol: metrics of each image by itself, averaged over images.

Hendrycks et al., "A Benchmark for Anomaly Segmentation", 2019, section 4 (in its second edition, "Scaling
Out-of-Distribution Detection for Real-World Settings", ICML 2022, section 5). Images
without an anomalous pixel are skipped and counted. AUPR is the step-wise average precision. The FPR is read at
the recall closest to 0.95 (the larger one of two equally close), at the lowest threshold with that recall.
Pixels that are neither normal nor anomalous are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fishy_ros.metrics.histogram import run_lengths, run_starts
from fishy_ros.metrics.pixel import SortedFrame

_RECALL = 0.95


@dataclass(frozen=True)
class ImageMetrics:
    """Metrics of one image, fractions of 1; NaN where the image lacks anomalous or normal pixels."""

    aupr: float
    auroc: float
    fpr95: float


@dataclass(frozen=True)
class PerImageMetrics:
    """Means over the images with anomalies, fractions of 1; NaN where there is no such image."""

    aupr: float
    auroc: float
    fpr95: float
    images: int
    """Images that count."""
    skipped: int
    """Images without anomalous, or without normal, pixels."""


class PerImageAccumulator:
    """Average the metrics of single images."""

    def __init__(self) -> None:
        self._images: list[ImageMetrics] = []
        self._skipped = 0

    def add(self, metrics: ImageMetrics) -> None:
        """Add the metrics of one image to the means."""
        if math.isnan(metrics.aupr):
            self._skipped += 1
        else:
            self._images.append(metrics)

    def merge(self, other: PerImageAccumulator) -> None:
        """Add all images of `other`."""
        self._images += other._images
        self._skipped += other._skipped

    def compute(self) -> PerImageMetrics:
        """Average over all images so far; the order of the images does not matter."""
        return PerImageMetrics(
            aupr=_mean([image.aupr for image in self._images]),
            auroc=_mean([image.auroc for image in self._images]),
            fpr95=_mean([image.fpr95 for image in self._images]),
            images=len(self._images),
            skipped=self._skipped,
        )


def image_metrics(pixels: SortedFrame) -> ImageMetrics:
    """Evaluate the sorted pixels of one image."""
    positives, negatives = pixels
    if positives.size == 0 or negatives.size == 0:
        return ImageMetrics(math.nan, math.nan, math.nan)
    starts = run_starts(positives)
    thresholds = positives[starts][::-1]
    gained = run_lengths(starts, positives.size)[::-1]
    tp = np.cumsum(gained)
    fp = negatives.size - np.searchsorted(negatives, thresholds, side="left")
    above = negatives.size - np.searchsorted(negatives, thresholds, side="right")
    recall = tp / positives.size
    closest = int(recall.size - 1 - np.argmin(np.abs(recall - _RECALL)[::-1]))
    # The lowest threshold with that recall lies just above the next anomalous score.
    false_positives = fp[closest] if closest == recall.size - 1 else above[closest + 1]
    return ImageMetrics(
        aupr=float(np.dot(gained, tp / (tp + fp))) / positives.size,
        auroc=1.0 - float(np.dot(gained, (fp + above) / 2)) / positives.size / negatives.size,
        fpr95=float(false_positives) / negatives.size,
    )


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
