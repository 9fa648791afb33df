"""Mean intersection over union of a segmentation, as the Cityscapes benchmark defines it.

Cordts et al., "The Cityscapes Dataset", CVPR 2016, section 4.1: the confusion matrix of all frames is pooled;
IoU is TP / (TP + FP + FN) a class; ground truth outside the classes is void and not counted at all. The mean is
over the classes that occur in the ground truth or, outside void, in the predictions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.cityscapes import CITYSCAPES_CLASSES
from fishy_ros.errors import ScoreError
from fishy_ros.types import LabelMap

CLASSES = len(CITYSCAPES_CLASSES)


@dataclass(frozen=True)
class SegmentationMetrics:
    """How well classes are told apart; fractions of 1."""

    miou: float
    accuracy: float
    """Share of evaluated pixels with the right class."""
    iou: tuple[float, ...]
    """IoU of each class; NaN where it does not occur."""
    pixels: int


class SegmentationAccumulator:
    """Pool the confusion matrix of a stream of frames.

    >>> accumulator = SegmentationAccumulator()
    >>> accumulator.update(np.uint8([[0, 0, 1]]), np.uint8([[0, 1, 1]]), "frame 1")
    >>> accumulator.compute().miou
    0.5
    """

    def __init__(self, classes: int = CLASSES) -> None:
        self._confusion = np.zeros((classes, classes + 1), np.int64)

    def update(self, predicted: LabelMap, truth: LabelMap, frame: str) -> None:
        """Add one frame.

        Args:
            predicted: uint8 `[H, W]`; a value that is not a class is wrong everywhere outside void.
            truth: uint8 `[H, W]`; values that are no class are void.
            frame: names the frame in errors.

        Raises:
            ScoreError: the shapes differ.
        """
        if predicted.shape != truth.shape:
            raise ScoreError(f"{frame}: predicted classes are {predicted.shape}, the true ones {truth.shape}")
        classes, columns = self._confusion.shape
        counted = truth < classes
        cells = truth[counted].astype(np.intp) * columns + np.minimum(predicted[counted], classes)
        self._confusion += np.bincount(cells, minlength=classes * columns).reshape(classes, columns)

    def merge(self, other: SegmentationAccumulator) -> None:
        """Add all frames of `other`."""
        self._confusion += other._confusion

    def compute(self) -> SegmentationMetrics:
        """Evaluate all frames so far.

        Raises:
            ScoreError: every pixel is void.
        """
        confusion = self._confusion
        pixels = int(confusion.sum())
        if pixels == 0:
            raise ScoreError("every pixel of the true segmentation is void; expected classes 0 to 18 somewhere")
        hits = np.diagonal(confusion)
        union = confusion.sum(axis=1) + confusion[:, :-1].sum(axis=0) - hits
        iou: NDArray[np.float64] = np.full(hits.shape, np.nan)
        np.divide(hits, union, out=iou, where=union > 0)
        return SegmentationMetrics(
            miou=float(np.nanmean(iou)),
            accuracy=float(hits.sum() / pixels),
            iou=tuple(iou.tolist()),
            pixels=pixels,
        )
