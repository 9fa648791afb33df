"""Regions over a drive: false alarms per minute, and how many objects are found, before and after persistence.

For every threshold the regions of each frame are found as the node finds them, and followed twice: once so that every
region counts at once ("before"), once with N of M confirmation ("after"). A region is false if it touches no anomalous
pixel and does not lie mostly on ignored ones; an alarm is false if its region is false when it is first reported. A
true object is a component of the labels, followed from frame to frame; it is found if a reported region touches it.

Where only some frames have labels, regions are followed through all frames, but nothing in the others is judged: they
count neither for nor against, and their time is not counted. Without any labels every region is false.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.scoring.region_tally import RegionPoint, ThresholdLine
from fishy_ros.imaging import resize_score
from fishy_ros.metrics.instances import Instance, InstanceAccumulator, InstanceMetrics
from fishy_ros.obstacles import (
    AnomalyRegions,
    Box,
    Camera,
    GroundPlane,
    PersistenceRules,
    Region,
    RegionRules,
    RegionTracker,
    find_regions,
    ground_points,
)
from fishy_ros.types import ANOMALY, LabelMap, ScoreMap

TRUTH_RULES = PersistenceRules(1, 1, max_gap_s=1.0, min_overlap=0.05, slack_px=8.0)
"""How true objects are followed: labels do not flicker, but objects hide behind each other."""

DEFAULT_THRESHOLDS: tuple[float, ...] = tuple(np.round(np.arange(0.3, 0.96, 0.05), 2).tolist())
"""Thresholds of the curves, beside the one in force."""


@dataclass(frozen=True)
class RegionPlan:
    """How regions are scored.

    Raises:
        ConfigError: a value is out of range.
    """

    threshold: float
    """The threshold in force."""
    rules: RegionRules
    """Everything else of the regions; its threshold is not used, `threshold_low` as a share of it is."""
    persistence: PersistenceRules = field(default_factory=lambda: PersistenceRules(3, 5))
    """What "after" means."""
    thresholds: tuple[float, ...] = DEFAULT_THRESHOLDS
    min_object_px: int = 50
    """Objects that never reach this size, in px of the labels, are not asked for."""
    ground: tuple[Camera, GroundPlane] | None = None
    """Camera of the labels and the ground, for the distance at which objects are confirmed."""
    speed_m_s: float = 13.9
    """Speed of the car, to turn latency into metres; 13.9 m/s are 50 km/h."""

    def __post_init__(self) -> None:
        """Check the values."""
        if not all(0.0 <= one <= 1.0 for one in (self.threshold, *self.thresholds)):
            raise ConfigError("thresholds of regions: expected numbers in [0, 1]")
        if self.min_object_px < 1 or not self.speed_m_s >= 0:
            raise ConfigError(f"smallest object {self.min_object_px} px, speed {self.speed_m_s:g} m/s: expected more")

    def at(self, threshold: float) -> RegionRules:
        """Return the rules of regions at a threshold; the low one keeps its ratio."""
        ratio = 1.0 if self.rules.threshold_low is None else self.rules.threshold_low / max(self.rules.threshold, 1e-9)
        return replace(self.rules, threshold=threshold, threshold_low=threshold * min(ratio, 1.0))


@dataclass(frozen=True)
class RegionScores:
    """Everything about the regions of a drive."""

    frames: int
    minutes: float
    """How long the frames last that were judged: those with labels, or all where none has any."""
    objects: int
    """True objects that reached the smallest size."""
    labelled_frames: int
    threshold: float
    in_force: RegionPoint
    """At the threshold in force."""
    curve: tuple[RegionPoint, ...]
    confirm_hits: int
    confirm_window: int
    instances: InstanceMetrics | None
    """OoDIS at the threshold in force; None without true instances."""
    confirmed_distance_m: float | None
    """Median distance at which an object is first confirmed; None where the ground is not known."""
    confirmed_objects: int
    """Objects that this median is of."""
    speed_m_s: float


class RegionScorer:
    """Score the regions of a stream of frames in order of time."""

    def __init__(self, plan: RegionPlan) -> None:
        """Score as `plan` says."""
        self._plan = plan
        thresholds = sorted({*plan.thresholds, plan.threshold})
        self._lines = [ThresholdLine(threshold, plan.at(threshold), plan.persistence) for threshold in thresholds]
        self._truth = RegionTracker(TRUTH_RULES)
        self._largest: dict[int, int] = {}
        self._appearances: list[tuple[int, ...]] = []
        self._distances: dict[int, float] = {}
        self._instances = InstanceAccumulator()
        self._times: list[float] = []
        self._labelled: list[int] = []

    def add(
        self, score: ScoreMap, labels: LabelMap | None, stamp_s: float, frame: str, classes: LabelMap | None = None
    ) -> None:
        """Add the next frame.

        Args:
            score: float32 `[h, w]`.
            labels: uint8 `[H, W]` with `NORMAL`, `ANOMALY` and `IGNORED`; None where there are none.
            stamp_s: when it was taken, in s; rising.
            frame: its name.
            classes: predicted train ids, uint8 `[h, w]`; needed where regions are restricted to the drivable area.
        """
        truth = np.zeros(score.shape, np.uint8) if labels is None else labels
        objects, owner = np.zeros(truth.shape, np.int32), np.zeros(0, np.int64)
        if labels is not None:
            self._labelled.append(len(self._times))
            objects, owner = self._follow_truth(labels, stamp_s)
        self._times.append(stamp_s)
        self._appearances.append(tuple(owner.tolist()))
        for line in self._lines:
            found = find_regions(score, classes, line.rules)
            confirmed = line.add(found, truth, objects, owner, stamp_s)
            if line.threshold == self._plan.threshold:
                self._note_distances(confirmed, objects, owner)
        if labels is not None:
            rules = replace(self._plan.at(self._plan.threshold), drivable_ids=frozenset())
            whole = find_regions(resize_score(score, *truth.shape), None, rules)
            self._instances.update([_instance(whole, index) for index in range(len(whole.regions))], truth, frame)

    def compute(self) -> RegionScores | None:
        """Evaluate all frames so far; None where there are fewer than two, which have no duration."""
        if len(self._times) < 2:
            return None
        judged = self._labelled or range(len(self._times))
        # The last frame lasts as long as the others do.
        seconds = (self._times[-1] - self._times[0]) * len(judged) / (len(self._times) - 1)
        counted = {number for number, size in self._largest.items() if size >= self._plan.min_object_px}
        appearances = sum(number in counted for frame in self._appearances for number in frame)
        points = [line.compute(counted, appearances, judged, seconds / 60) for line in self._lines]
        instances = self._instances.compute()
        distances = [distance for number, distance in self._distances.items() if number in counted]
        return RegionScores(
            frames=len(self._times),
            minutes=seconds / 60,
            objects=len(counted),
            labelled_frames=len(self._labelled),
            threshold=self._plan.threshold,
            in_force=next(point for point in points if point.threshold == self._plan.threshold),
            curve=tuple(points),
            confirm_hits=self._plan.persistence.confirm_hits,
            confirm_window=self._plan.persistence.confirm_window,
            instances=instances if instances.true_instances else None,
            confirmed_distance_m=float(np.median(distances)) if distances else None,
            confirmed_objects=len(distances),
            speed_m_s=self._plan.speed_m_s,
        )

    def _follow_truth(self, truth: LabelMap, stamp_s: float) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the component of every pixel, int32 `[H, W]` (0: none), and the lasting number of each, `[N]`."""
        count, components, stats, _ = cv2.connectedComponentsWithStats(
            np.asarray(truth == ANOMALY).view(np.uint8), connectivity=8
        )
        regions = []
        for left, top, width, height, area in np.asarray(stats)[1:count].tolist():
            box = Box(float(left), float(top), float(left + width), float(top + height))
            regions.append(Region(box, area, 1.0, 1.0))
        owner = np.zeros(len(regions), np.int64)
        for track in self._truth.update(regions, stamp_s):
            if track.index is not None:
                owner[track.index] = track.id
                size = regions[track.index].area_px
                self._largest[track.id] = max(self._largest.get(track.id, 0), size)
        return np.asarray(components, np.int32), owner

    def _note_distances(self, confirmed: frozenset[int], objects: NDArray[np.int32], owner: NDArray[np.int64]) -> None:
        """Note how far the objects are that are touched by a confirmed region for the first time."""
        if self._plan.ground is None:
            return
        camera, ground = self._plan.ground
        for component in range(1, len(owner) + 1):
            number = int(owner[component - 1])
            if number in confirmed and number not in self._distances:
                rows, columns = np.nonzero(objects == component)
                box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
                for place in ground_points([box], camera, ground, max_distance_m=1000.0):
                    self._distances[number] = place.distance_m


def _instance(found: AnomalyRegions, index: int) -> Instance:
    region = found.regions[index]
    return Instance(region.mean_score, int(region.box.top), int(region.box.left), found.pixels_of(index))
