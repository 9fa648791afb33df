"""Regions: where a heatmap is anomalous, how large, how sure, in what class it hides and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ConfigError, ScoreError
from fishy_ros.obstacles.mask import Component, erase, find_components
from fishy_ros.types import LabelMap, ScoreMap

NO_CLASS: int = 255
"""The class of a region where nothing is known of classes."""

MAX_REGIONS: int = 64
"""At most so many regions of a frame, those with the highest peaks: a picture of noise must not stop the node."""

LOOKED_AT: int = 4
"""For each region that may be kept so many components are looked at, those with the largest rectangles."""


@dataclass(frozen=True)
class Box:
    """An upright rectangle in px; `left` and `top` are inside, `right` and `bottom` just outside."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Rows."""
        return self.bottom - self.top

    @property
    def foot(self) -> tuple[float, float]:
        """Return x and y of the middle of the lower edge, in continuous px (the first pixel spans 0 to 1)."""
        return (self.left + self.right) / 2, self.bottom

    def scaled(self, x: float, y: float) -> Box:
        """Return the box in an image `x` times as wide and `y` times as high."""
        return Box(self.left * x, self.top * y, self.right * x, self.bottom * y)

    def overlap(self, other: Box) -> float:
        """Return the intersection over the union with `other`, in [0, 1]."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.width * self.height + other.width * other.height - shared)


@dataclass(frozen=True)
class Region:
    """One connected region of a heatmap."""

    box: Box
    """In px of the heatmap."""
    area_px: int
    mean_score: float
    peak_score: float
    class_id: int = NO_CLASS
    """Cityscapes train id that most of its pixels were given: the class it hides in."""

    def scaled(self, x: float, y: float) -> Region:
        """Return the region in an image `x` times as wide and `y` times as high."""
        return replace(self, box=self.box.scaled(x, y), area_px=round(self.area_px * x * y))


@dataclass(frozen=True)
class RegionRules:
    """What counts as a region.

    Raises:
        ConfigError: a value is out of range.
    """

    threshold: float
    """In [0, 1]; a region reaches it in at least one pixel."""
    threshold_low: float | None = None
    """In [0, `threshold`]; a region spreads down to it. None is `threshold`: no hysteresis."""
    smallest_px: int = 1
    """Regions with fewer pixels of the heatmap do not count."""
    drivable_ids: frozenset[int] = frozenset()
    """Train ids of ground to drive on; only regions that lie on it or stand on it count. Empty: all regions."""
    largest_number: int = MAX_REGIONS
    """At most so many regions of a frame, those with the highest peaks."""

    def __post_init__(self) -> None:
        """Check every value."""
        low = self.threshold if self.threshold_low is None else self.threshold_low
        if not 0.0 <= low <= self.threshold <= 1.0:
            raise ConfigError(
                f"threshold {self.threshold:g}, threshold_low {low:g}: expected 0 <= threshold_low <= threshold <= 1"
            )
        if self.smallest_px < 1 or self.largest_number < 1:
            raise ConfigError(
                f"smallest region {self.smallest_px} px, at most {self.largest_number} regions: expected 1 or more"
            )


@dataclass(frozen=True)
class AnomalyRegions:
    """The regions of a frame, highest peak first, and the mask of all that counts.

    The mask is on the safe side: where there are too many regions, it holds those that are left out, too.
    """

    regions: tuple[Region, ...]
    mask: NDArray[np.uint8]
    """uint8 `[h, w]`, 255 where the frame is anomalous and 0 elsewhere."""
    components: tuple[Component, ...] = ()
    """The pixels of each of `regions`."""

    def pixels_of(self, index: int) -> NDArray[np.bool_]:
        """Return the pixels of region `index`, bool of the size of its box."""
        return self.components[index].inside.view(np.bool_)


def find_regions(score: ScoreMap, labels: LabelMap | None, rules: RegionRules) -> AnomalyRegions:
    """Find the anomalous regions of a heatmap.

    Args:
        score: float32 `[h, w]` in [0, 1].
        labels: uint8 `[h, w]`, Cityscapes train ids as the network sees them; None where they are not known, then no
            region has a class and `drivable_ids` must be empty.
        rules: what counts.

    Raises:
        ScoreError: the maps do not fit together, or classes are needed and not there.
    """
    _check(score, labels, rules)
    low = rules.threshold if rules.threshold_low is None else rules.threshold_low
    components, mask = find_components(score, rules.threshold, low, rules.smallest_px, LOOKED_AT * rules.largest_number)
    found = []
    for component in components:
        counts = _count_classes(component, labels) if labels is not None else None
        if rules.drivable_ids and counts is not None and not _is_on_ground(component, counts, labels, rules):
            erase(mask, component)
        else:
            found.append((_describe(component, score, counts), component))
    found = sorted(found, key=lambda one: -one[0].peak_score)[: rules.largest_number]
    return AnomalyRegions(tuple(region for region, _ in found), mask, tuple(component for _, component in found))


def _check(score: ScoreMap, labels: LabelMap | None, rules: RegionRules) -> None:
    if score.ndim != 2 or score.dtype != np.float32 or score.size == 0:
        raise ScoreError(f"the heatmap is {score.dtype} {score.shape}, expected float32 [h, w]")
    if labels is not None and (labels.shape != score.shape or labels.dtype != np.uint8):
        raise ScoreError(f"the classes are {labels.dtype} {labels.shape}, expected uint8 {score.shape}")
    if labels is None and rules.drivable_ids:
        raise ScoreError("regions are restricted to the drivable area, but the classes of the frame are not known")


def _count_classes(component: Component, labels: LabelMap) -> NDArray[np.float32]:
    """Count the pixels of every class, float32 `[256]`."""
    window = np.ascontiguousarray(labels[component.window])
    counts = cv2.calcHist([window], [0], component.inside, [256], [0.0, 256.0])
    return np.asarray(counts, np.float32).reshape(-1)


def _describe(component: Component, score: ScoreMap, counts: NDArray[np.float32] | None) -> Region:
    rows, columns = component.window
    part = score[component.window]
    box = Box(float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
    return Region(
        box,
        component.area_px,
        mean_score=cv2.mean(part, component.inside)[0],
        peak_score=cv2.minMaxLoc(part, component.inside)[1],
        class_id=NO_CLASS if counts is None else int(counts.argmax()),
    )


def _is_on_ground(
    component: Component, counts: NDArray[np.float32], labels: LabelMap | None, rules: RegionRules
) -> bool:
    """Say whether a component lies on drivable ground or stands on it.

    It lies on it if most of its pixels have such a class (the network took it for road), and stands on it if most of
    the pixels just below its lowest ones, column by column, do.
    """
    assert labels is not None, "classes were counted"
    ids = [train_id for train_id in rules.drivable_ids if 0 <= train_id < counts.size]
    if 2 * float(counts[ids].sum()) >= component.area_px:
        return True
    rows, columns = component.window
    below = rows.stop - np.argmax(component.inside[::-1], axis=0)
    across = np.arange(columns.start, columns.stop)[below < labels.shape[0]]
    below = below[below < labels.shape[0]]
    return bool(below.size and 2 * np.count_nonzero(np.isin(labels[below, across], ids)) >= below.size)
