"""Score a stream of heatmaps against labels: every metric, and what a report shows, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.report.gallery import GalleryEntry, GalleryKeeper, gallery_entry
from fishy_ros.evaluation.scoring.frame_bins import FrameBinner
from fishy_ros.evaluation.scoring.summary import FrameScore, ScoreSummary
from fishy_ros.imaging import resize_score
from fishy_ros.metrics.distribution import score_distribution
from fishy_ros.metrics.misclassification import MisclassificationAccumulator
from fishy_ros.metrics.objects import FrameObjects, find_objects, objects_by_distance, objects_by_size
from fishy_ros.metrics.per_image import ImageMetrics, PerImageAccumulator, image_metrics
from fishy_ros.metrics.pixel import PixelAccumulator, SortedFrame, sort_frame
from fishy_ros.metrics.segmentation import SegmentationAccumulator
from fishy_ros.types import ANOMALY, IGNORED, NORMAL, ImageArray, LabelMap, ScoreMap


@dataclass(frozen=True)
class ScoredFrame:
    """A heatmap and what is known of its frame."""

    id: str
    score: ScoreMap
    """float32 `[h, w]`; resized to the labels where their size differs."""
    labels: LabelMap | None = None
    """uint8 `[H, W]` with `NORMAL`, `ANOMALY` and `IGNORED`; None where the frame has no ground truth."""
    image: ImageArray | None = None
    """uint8 `[H, W, 3]`, BGR, for the gallery."""
    predicted_classes: LabelMap | None = None
    """uint8 `[H, W]`, predicted train ids, of the size of `true_classes`."""
    true_classes: LabelMap | None = None
    """uint8 `[H, W]`, true train ids; values above 18 are void."""


@dataclass(frozen=True)
class PreparedFrame:
    """The expensive, independent part of scoring one frame, done."""

    id: str
    pixels: SortedFrame | None
    objects: FrameObjects | None
    metrics: ImageMetrics | None
    picture: GalleryEntry
    unexpected_labels: tuple[int, ...]
    classes: ScoredFrame | None
    """The frame itself where it has both predicted and true classes."""


class Scorer:
    """Accumulate metrics over frames; scorers of parts of a set merge to exactly the metrics of the whole."""

    def __init__(self) -> None:
        self._pixels = PixelAccumulator()
        self._images = PerImageAccumulator()
        self._sizes = objects_by_size()
        self._distances = objects_by_distance()
        self._bins = FrameBinner()
        self._gallery = GalleryKeeper()
        self._segmentation: SegmentationAccumulator | None = None
        self._misclassification: MisclassificationAccumulator | None = None
        self._frames: dict[str, FrameScore] = {}
        self._unlabelled: set[str] = set()
        self._warnings: list[str] = []

    def add(self, frame: PreparedFrame) -> FrameScore | None:
        """Add a frame that `prepare_frame` has prepared; a frame that came before is left out with a warning."""
        if frame.id in self._frames or frame.id in self._unlabelled:
            self._warnings.append(f"{frame.id}: came twice; only the first one was scored")
            return None
        self._gallery.add(frame.picture)
        self._add_classes(frame.classes)
        if frame.pixels is None or frame.metrics is None or frame.objects is None:
            self._unlabelled.add(frame.id)
            return None
        if frame.unexpected_labels:
            self._warnings.append(f"{frame.id}: labels {frame.unexpected_labels} are neither 0, 1 nor 255: ignored")
        self._pixels.add(frame.pixels)
        self._images.add(frame.metrics)
        self._sizes.update(frame.objects)
        self._distances.update(frame.objects)
        self._bins.update(frame.id, frame.pixels)
        scored = FrameScore(frame.id, frame.pixels.positives.size, frame.pixels.negatives.size, frame.metrics)
        self._frames[frame.id] = scored
        return scored

    def merge(self, other: Scorer) -> None:
        """Add all frames of `other`, none of which may be here already.

        Raises:
            ScoreError: a frame is in both.
        """
        twice = (self._frames.keys() | self._unlabelled) & (other._frames.keys() | other._unlabelled)
        if twice:
            raise ScoreError(f"{min(twice)} and {len(twice) - 1} more frames are in both scorers; expected none")
        self._pixels.merge(other._pixels)
        self._images.merge(other._images)
        self._sizes.merge(other._sizes)
        self._distances.merge(other._distances)
        self._bins.merge(other._bins)
        self._gallery.merge(other._gallery)
        if other._segmentation is not None and other._misclassification is not None:
            segmentation, misclassification = self._class_accumulators()
            segmentation.merge(other._segmentation)
            misclassification.merge(other._misclassification)
        self._frames.update(other._frames)
        self._unlabelled |= other._unlabelled
        self._warnings += other._warnings

    def compute(self) -> ScoreSummary:
        """Evaluate all frames so far; what cannot be evaluated becomes a warning."""
        warnings = list(self._warnings)
        positives, negatives = self._pixels.positives, self._pixels.negatives
        pixel = segmentation = misclassification = None
        if positives.total and negatives.total:
            pixel = self._pixels.compute()
        elif self._frames:
            warnings.append(
                f"no AP, AUROC, FPR95: {len(self._frames)} labelled frames hold {positives.total} anomalous "
                f"and {negatives.total} normal pixels"
            )
        if self._segmentation is not None and self._misclassification is not None:
            segmentation = self._segmentation.compute()
            try:
                misclassification = self._misclassification.compute()
            except ScoreError as error:
                warnings.append(f"no misclassification metrics: {error}")
        return ScoreSummary(
            pixel=pixel,
            per_image=self._images.compute(),
            frames=tuple(self._frames[name] for name in sorted(self._frames)),
            unlabelled=len(self._unlabelled),
            distribution=score_distribution(positives, negatives),
            by_size=self._sizes.compute(negatives),
            by_distance=self._distances.compute(negatives),
            frame_bins=self._bins.compute(),
            gallery=self._gallery.compute(),
            segmentation=segmentation,
            misclassification=misclassification,
            warnings=tuple(warnings),
        )

    def _add_classes(self, frame: ScoredFrame | None) -> None:
        if frame is None or frame.predicted_classes is None or frame.true_classes is None:
            return
        segmentation, misclassification = self._class_accumulators()
        segmentation.update(frame.predicted_classes, frame.true_classes, frame.id)
        score = resize_score(frame.score, *frame.true_classes.shape)
        misclassification.update(score, frame.predicted_classes, frame.true_classes, frame.id)

    def _class_accumulators(self) -> tuple[SegmentationAccumulator, MisclassificationAccumulator]:
        if self._segmentation is None or self._misclassification is None:
            self._segmentation = SegmentationAccumulator()
            self._misclassification = MisclassificationAccumulator()
        return self._segmentation, self._misclassification


def prepare_frame(frame: ScoredFrame) -> PreparedFrame:
    """Do what is expensive and needs no other frame; safe to run in several threads at once.

    Raises:
        ScoreError: an evaluated score is NaN, or an array is of the wrong type or dimension; names the frame.
    """
    if frame.score.ndim != 2 or frame.score.dtype != np.float32:
        raise ScoreError(
            f"{frame.id}: the score map is {frame.score.dtype} {frame.score.shape}, expected float32 [h, w]"
        )
    classes = frame if frame.predicted_classes is not None and frame.true_classes is not None else None
    if frame.labels is None:
        picture = gallery_entry(frame.id, float("nan"), frame.score, None, frame.image)
        return PreparedFrame(frame.id, None, None, None, picture, (), classes)
    if frame.labels.ndim != 2 or frame.labels.dtype != np.uint8:
        raise ScoreError(f"{frame.id}: the labels are {frame.labels.dtype} {frame.labels.shape}, expected uint8 [H, W]")
    score = resize_score(frame.score, *frame.labels.shape)
    pixels = sort_frame(score, frame.labels, frame.id)
    metrics = image_metrics(pixels)
    return PreparedFrame(
        id=frame.id,
        pixels=pixels,
        objects=find_objects(score, frame.labels),
        metrics=metrics,
        picture=gallery_entry(frame.id, metrics.aupr, score, frame.labels, frame.image),
        unexpected_labels=_unexpected(frame.labels, pixels),
        classes=classes,
    )


def _unexpected(labels: LabelMap, pixels: SortedFrame) -> tuple[int, ...]:
    evaluated = pixels.positives.size + pixels.negatives.size
    if evaluated + np.count_nonzero(labels == IGNORED) == labels.size:
        return ()
    return tuple(int(value) for value in np.unique(labels) if value not in (NORMAL, ANOMALY, IGNORED))
