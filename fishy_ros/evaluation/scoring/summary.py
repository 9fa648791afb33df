"""What scoring a set of frames found out."""

from __future__ import annotations

from dataclasses import dataclass

from fishy_ros.evaluation.report.gallery import Gallery
from fishy_ros.evaluation.scoring.frame_bins import FrameBins
from fishy_ros.metrics.component import ComponentMetrics
from fishy_ros.metrics.distribution import ScoreDistribution
from fishy_ros.metrics.misclassification import MisclassificationMetrics
from fishy_ros.metrics.objects import GroupMetrics
from fishy_ros.metrics.per_image import ImageMetrics, PerImageMetrics
from fishy_ros.metrics.pixel import PixelMetrics
from fishy_ros.metrics.segmentation import SegmentationMetrics


@dataclass(frozen=True)
class FrameScore:
    """One frame by itself."""

    id: str
    positives: int
    """Anomalous pixels."""
    negatives: int
    """Normal pixels."""
    metrics: ImageMetrics


@dataclass(frozen=True)
class ScoreSummary:
    """All metrics of a scored set; what could not be computed is None or empty, and a warning says why."""

    pixel: PixelMetrics | None
    per_image: PerImageMetrics
    frames: tuple[FrameScore, ...]
    """Labelled frames, in order of name."""
    unlabelled: int
    """Frames without labels."""
    distribution: ScoreDistribution
    by_size: tuple[GroupMetrics, ...]
    by_distance: tuple[GroupMetrics, ...]
    frame_bins: FrameBins
    gallery: Gallery
    component: ComponentMetrics | None = None
    segmentation: SegmentationMetrics | None = None
    misclassification: MisclassificationMetrics | None = None
    warnings: tuple[str, ...] = ()
