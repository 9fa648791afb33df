"""Pixel metrics of objects of one size, or at one distance, against all normal pixels.

An object is an 8-connected component of anomalous pixels. Its distance shows in the image row of its lowest
pixel, where it stands on the road: the higher, the farther. Groups hold different numbers of anomalous pixels,
on which AP depends; AUROC and FPR95 do not and can be compared between groups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.metrics.histogram import ScoreHistogram
from fishy_ros.metrics.keys import scores_to_keys
from fishy_ros.metrics.pixel import pixel_metrics
from fishy_ros.types import ANOMALY, LabelMap, ScoreMap

SIZE_EDGES: tuple[int, ...] = (500, 2000, 8000)
"""Areas in px that part the groups of size."""

ROW_EDGES: tuple[float, ...] = (0.5, 0.6, 0.7)
"""Fractions of the image height that part the groups of distance."""

SIZE_NAMES: tuple[str, ...] = ("under 500 px", "500 to 2,000 px", "2,000 to 8,000 px", "8,000 px and more")
DISTANCE_NAMES: tuple[str, ...] = (
    "far: above row 50 %",
    "rows 50 to 60 %",
    "rows 60 to 70 %",
    "near: below row 70 %",
)


@dataclass(frozen=True)
class GroupMetrics:
    """Objects of one group against all normal pixels; rates are fractions of 1."""

    name: str
    objects: int
    pixels: int
    ap: float
    auroc: float
    fpr95: float


@dataclass(frozen=True)
class FrameObjects:
    """Objects of one frame and, for every anomalous pixel, its score key and which object it belongs to."""

    areas: NDArray[np.int64]
    """`[N]`, in px."""
    bottoms: NDArray[np.float64]
    """`[N]`, lowest row as a fraction of the image height."""
    keys: NDArray[np.uint32]
    """`[P]`."""
    owners: NDArray[np.intp]
    """`[P]`, 0 to N - 1."""


def find_objects(score: ScoreMap, labels: LabelMap) -> FrameObjects:
    """Find the objects of one frame; float32 `[H, W]` without NaN on anomalies, uint8 `[H, W]`."""
    mask = labels == ANOMALY
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        empty = np.empty(0)
        return FrameObjects(empty.astype(np.int64), empty, empty.astype(np.uint32), empty.astype(np.intp))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mask = np.ascontiguousarray(mask[box])
    _, components, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    bottoms = rows[0] + stats[1:, cv2.CC_STAT_TOP] + stats[1:, cv2.CC_STAT_HEIGHT]
    return FrameObjects(
        areas=stats[1:, cv2.CC_STAT_AREA].astype(np.int64),
        bottoms=bottoms / labels.shape[0],
        keys=scores_to_keys(score[box][mask]),
        owners=np.asarray(components)[mask].astype(np.intp) - 1,
    )


class ObjectAccumulator:
    """Pool the anomalous pixels of a stream of frames by a property of the object they belong to."""

    def __init__(
        self, names: tuple[str, ...], edges: tuple[float, ...], measure: Callable[[FrameObjects], NDArray[np.float64]]
    ) -> None:
        """Group objects by `measure`: below `edges[0]`, from there to below `edges[1]`, and so on."""
        self._names = names
        self._edges = edges
        self._measure = measure
        self._histograms = [ScoreHistogram() for _ in names]
        self._objects = np.zeros(len(names), np.int64)

    def update(self, objects: FrameObjects) -> None:
        """Add the objects of one frame."""
        groups = np.digitize(self._measure(objects), self._edges)
        self._objects += np.bincount(groups, minlength=len(self._names))
        of_pixel = groups[objects.owners]
        for group in np.unique(groups):
            self._histograms[group].add(np.sort(objects.keys[of_pixel == group]))

    def merge(self, other: ObjectAccumulator) -> None:
        """Add all objects of `other`, which must have the same groups."""
        self._objects += other._objects
        for mine, theirs in zip(self._histograms, other._histograms, strict=True):
            mine.merge(theirs)

    def compute(self, negatives: ScoreHistogram) -> tuple[GroupMetrics, ...]:
        """Evaluate every group that has objects against `negatives`, the normal pixels of all frames."""
        groups = []
        for name, objects, positives in zip(self._names, self._objects.tolist(), self._histograms, strict=True):
            if objects and negatives.total:
                metrics = pixel_metrics(positives, negatives)
                groups.append(GroupMetrics(name, objects, positives.total, metrics.ap, metrics.auroc, metrics.fpr95))
        return tuple(groups)


def objects_by_size() -> ObjectAccumulator:
    """Group objects by their area in px."""
    return ObjectAccumulator(SIZE_NAMES, SIZE_EDGES, _areas)


def objects_by_distance() -> ObjectAccumulator:
    """Group objects by the row they stand in."""
    return ObjectAccumulator(DISTANCE_NAMES, ROW_EDGES, _bottoms)


def _areas(objects: FrameObjects) -> NDArray[np.float64]:
    return objects.areas.astype(np.float64)


def _bottoms(objects: FrameObjects) -> NDArray[np.float64]:
    return objects.bottoms
