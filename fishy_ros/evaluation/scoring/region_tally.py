"""What regions do over a drive at one threshold: counts before and after persistence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fishy_ros.imaging import resize_classes
from fishy_ros.obstacles import AnomalyRegions, PersistenceRules, RegionRules, RegionTracker, Track
from fishy_ros.types import ANOMALY, IGNORED, NORMAL, LabelMap


@dataclass(frozen=True)
class RegionCounts:
    """What regions did at one threshold."""

    regions_per_frame: float
    false_per_frame: float
    """False regions of a frame, mean."""
    false_alarms_per_min: float
    """Ids that were false when they were first reported, a minute."""
    object_recall: float
    """Share of the true objects that a reported region touched at least once; NaN without objects."""
    frame_recall: float
    """Share of the appearances of true objects in frames that a reported region touched."""


@dataclass(frozen=True)
class RegionPoint:
    """One threshold of the curves."""

    threshold: float
    before: RegionCounts
    after: RegionCounts


class ThresholdLine:
    """One threshold: both ways of following, and what they did."""

    def __init__(self, threshold: float, rules: RegionRules, persistence: PersistenceRules) -> None:
        """Count what `rules` find; `persistence` is what "after" means."""
        self.threshold = threshold
        self.rules = rules
        self._before = _Tally(replace(persistence, confirm_hits=1, confirm_window=1))
        self._after = _Tally(persistence)

    def add(
        self,
        found: AnomalyRegions,
        truth: LabelMap,
        objects: NDArray[np.int32],
        owner: NDArray[np.int64],
        stamp_s: float,
    ) -> frozenset[int]:
        """Add a frame; returns the numbers of the objects that confirmed regions touch."""
        touched = _touch(found, truth, objects, owner)
        scale = (truth.shape[1] / found.mask.shape[1], truth.shape[0] / found.mask.shape[0])
        self._before.add(found, touched, truth, scale, stamp_s)
        return self._after.add(found, touched, truth, scale, stamp_s)

    def compute(self, counted: set[int], appearances: int, frames: Sequence[int], minutes: float) -> RegionPoint:
        """Evaluate `frames`, by their places among those that were added; `minutes` is how long they last."""
        before, after = (tally.compute(counted, appearances, frames, minutes) for tally in (self._before, self._after))
        return RegionPoint(self.threshold, before, after)


@dataclass(frozen=True)
class _Touch:
    """What one region of a frame lies on."""

    objects: frozenset[int]
    is_false: bool


@dataclass(frozen=True)
class _FrameCounts:
    """What was reported in one frame."""

    regions: int
    false: int
    alarms: int
    """Ids that were reported for the first time, and false."""
    objects: frozenset[int]
    """True objects that were touched."""


class _Tally:
    """Follow regions in one way and count."""

    def __init__(self, rules: PersistenceRules) -> None:
        self._tracker = RegionTracker(rules)
        self._known: set[int] = set()
        self._frames: list[_FrameCounts] = []

    def add(
        self,
        found: AnomalyRegions,
        touched: Sequence[_Touch],
        truth: LabelMap,
        scale: tuple[float, float],
        stamp_s: float,
    ) -> frozenset[int]:
        """Add a frame; returns the numbers of the objects that reported regions touch."""
        objects: frozenset[int] = frozenset()
        regions = false = alarms = 0
        for track in self._tracker.update(found.regions, stamp_s):
            if not track.confirmed:
                continue
            touch = touched[track.index] if track.index is not None else _touch_expected(track, truth, scale)
            objects |= touch.objects
            regions += 1
            false += touch.is_false
            alarms += touch.is_false and track.id not in self._known
            self._known.add(track.id)
        self._frames.append(_FrameCounts(regions, false, alarms, objects))
        return objects

    def compute(self, counted: set[int], appearances: int, frames: Sequence[int], minutes: float) -> RegionCounts:
        """Evaluate `frames`."""
        judged = [self._frames[index] for index in frames]
        ever = frozenset().union(*(frame.objects for frame in judged)) & counted
        hits = sum(len(frame.objects & counted) for frame in judged)
        alarms = sum(frame.alarms for frame in judged)
        return RegionCounts(
            regions_per_frame=sum(frame.regions for frame in judged) / len(judged),
            false_per_frame=sum(frame.false for frame in judged) / len(judged),
            false_alarms_per_min=alarms / minutes if minutes > 0 else float("nan"),
            object_recall=len(ever) / len(counted) if counted else float("nan"),
            frame_recall=hits / appearances if appearances else float("nan"),
        )


def _touch(
    found: AnomalyRegions, truth: LabelMap, objects: NDArray[np.int32], owner: NDArray[np.int64]
) -> list[_Touch]:
    """Say for every region which objects it touches, at the resolution of the labels."""
    touches = []
    rows, columns = truth.shape
    scale_y, scale_x = rows / found.mask.shape[0], columns / found.mask.shape[1]
    for index, region in enumerate(found.regions):
        box = region.box
        top, bottom = (round(side * scale_y) for side in (box.top, box.bottom))
        left, right = (round(side * scale_x) for side in (box.left, box.right))
        bottom, right = min(max(bottom, top + 1), rows), min(max(right, left + 1), columns)
        top, left = min(top, bottom - 1), min(left, right - 1)
        pixels = resize_classes(found.pixels_of(index).view(np.uint8), bottom - top, right - left) != 0
        window = np.s_[top:bottom, left:right]
        numbers = np.unique(objects[window][pixels])
        touched = frozenset(owner[numbers[numbers > 0] - 1].tolist())
        on_ignored = np.count_nonzero(truth[window][pixels] == IGNORED)
        touches.append(_Touch(touched, not touched and bool(2 * on_ignored < np.count_nonzero(pixels))))
    return touches


def _touch_expected(track: Track, truth: LabelMap, scale: tuple[float, float]) -> _Touch:
    """Judge a region that is remembered but not seen by its box; it finds nothing, but may be false."""
    box = track.region.box.scaled(*scale)
    rows = slice(max(int(box.top), 0), max(int(np.ceil(box.bottom)), 0))
    columns = slice(max(int(box.left), 0), max(int(np.ceil(box.right)), 0))
    part = truth[rows, columns]
    is_false = 2 * np.count_nonzero(part == NORMAL) > part.size and not np.any(part == ANOMALY)
    return _Touch(frozenset(), bool(is_false))
