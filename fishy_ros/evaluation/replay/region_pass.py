"""Score the regions of a replay while its answers go by."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fishy_ros.datasets.synthetic import FRAME_RATE, SyntheticStreet
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.evaluation.result import ReplayResult
from fishy_ros.evaluation.scoring.consistency import ConsistencyScorer
from fishy_ros.evaluation.scoring.regions import RegionPlan, RegionScorer
from fishy_ros.evaluation.sources.bag_source import BagSource
from fishy_ros.evaluation.sources.dataset_source import DatasetSource
from fishy_ros.evaluation.sources.source import FrameSource, UnreadableFrame
from fishy_ros.model_package import ModelPackage
from fishy_ros.obstacles import Camera, GroundPlane, Intrinsics, PersistenceRules, RegionRules

ASSUMED_RATE_HZ: float = 10.0
"""Frames a second of a source that has no times of its own."""


@dataclass(frozen=True)
class RegionRequest:
    """What a user asks of the regions of a replay.

    Raises:
        ConfigError: a value is out of range.
    """

    threshold: float | None = None
    """None takes that of the model."""
    threshold_low: float | None = None
    smallest_px: int = 1
    drivable: str = ""
    """Names of classes; through a node they are read from its segmentation."""
    persistence: PersistenceRules = field(default_factory=lambda: PersistenceRules(3, 5))
    camera_height_m: float | None = None
    camera_pitch_deg: float = 0.0
    speed_m_s: float = 13.9

    def __post_init__(self) -> None:
        """Check what does not depend on the model."""
        if self.camera_height_m is not None and not 0 < self.camera_height_m < 1000:
            raise ConfigError(f"camera height {self.camera_height_m:g} m: expected more than 0")
        if not -90 < self.camera_pitch_deg < 90:
            raise ConfigError(f"camera pitch {self.camera_pitch_deg:g} degrees: expected -90 to 90")
        if self.camera_pitch_deg and self.camera_height_m is None:
            raise ConfigError(f"camera pitch {self.camera_pitch_deg:g} degrees: says nothing without a camera height")
        if not 0 <= self.speed_m_s < math.inf:
            raise ConfigError(f"speed {self.speed_m_s:g} m/s: expected 0 or more")


def parse_confirmation(text: str) -> PersistenceRules:
    """Read `N/M`: confirmed after N of M frames.

    Raises:
        ConfigError: it is something else.

    >>> parse_confirmation("3/5").confirm_window
    5
    """
    hits, slash, window = text.partition("/")
    if not (slash and hits.isdecimal() and window.isdecimal()):
        raise ConfigError(f"{text!r}: expected N/M, such as 3/5 for three of the last five frames")
    return PersistenceRules(int(hits), int(window))


class RegionPass:
    """Sees every detected of a replay in order, and adds what it found to the result."""

    def __init__(
        self, request: RegionRequest, source: FrameSource, package: ModelPackage | None, rate_hz: float | None
    ) -> None:
        """Prepare to score.

        Args:
            request: what is asked.
            source: what is played.
            package: the model, where it is known.
            rate_hz: frames per second if the source has no times of its own; None assumes `ASSUMED_RATE_HZ`.

        Raises:
            ConfigError: the rules cannot be, or the model has no such class.
        """
        threshold = request.threshold
        if threshold is None:
            assert package is not None, "a request without a model has a threshold"
            threshold = package.calibration.default_threshold
        drivable = package.class_ids(request.drivable) if package is not None else frozenset[int]()
        rules = RegionRules(threshold, request.threshold_low, request.smallest_px, drivable)
        self._request = request
        self._source = source
        self._times = frame_times(source, rate_hz)
        self._street = source.dataset if isinstance(source, DatasetSource) else None
        self._plan = RegionPlan(threshold, rules, request.persistence, speed_m_s=request.speed_m_s)
        self._scorer: RegionScorer | None = None
        self._consistency: ConsistencyScorer | None = None
        self._count = 0
        self._is_assumed = not source.has_own_rate and rate_hz is None

    def add(self, detected: DetectedFrame) -> None:
        """Take the next frame; one without a heatmap has no regions, one that cannot be read is left out."""
        index = self._count
        self._count += 1
        if isinstance(detected.sample, UnreadableFrame):
            return
        rows, columns = detected.sample.image.shape[:2]
        if self._scorer is None:
            self._scorer = RegionScorer(replace(self._plan, ground=self._ground(rows, columns)))
        score = detected.score if detected.score is not None else np.zeros((rows, columns), np.float32)
        classes = detected.classes
        if classes is None and self._plan.rules.drivable_ids:
            classes = np.full(score.shape, 255, np.uint8)
        time = next(time for played, time in self._times if played == index)
        self._scorer.add(score, detected.sample.labels, time, detected.sample.id, classes)
        if isinstance(self._street, SyntheticStreet):
            truth = self._street.truth(index)
            if self._consistency is None:
                camera = _camera(self._street.intrinsics, rows, columns)
                self._consistency = ConsistencyScorer(camera, self._plan.threshold)
            self._consistency.add(score, truth.depth, self._street.speed / FRAME_RATE)

    def add_to(self, result: ReplayResult) -> ReplayResult:
        """Return the result with what was found."""
        regions = self._scorer.compute() if self._scorer is not None else None
        warnings = list(result.warnings)
        if regions is None:
            warnings.append("no figures about regions: they need two frames at least")
        elif not regions.labelled_frames:
            warnings.append("without labels every region counts as false: right only where nothing is anomalous")
        elif regions.labelled_frames < regions.frames:
            bare = regions.frames - regions.labelled_frames
            warnings.append(f"{bare} of {regions.frames} frames have no labels: figures about regions leave them out")
        if self._is_assumed:
            warnings.append(f"the source has no times: regions are counted as at {ASSUMED_RATE_HZ:g} frames per second")
        consistency = self._consistency.compute() if self._consistency is not None else None
        return replace(result, regions=regions, consistency=consistency, warnings=tuple(warnings))

    def _ground(self, rows: int, columns: int) -> tuple[Camera, GroundPlane] | None:
        """Return the camera of the labels and the ground, if both are known."""
        if isinstance(self._street, SyntheticStreet):
            return _camera(self._street.intrinsics, rows, columns), GroundPlane(self._street.camera_height)
        matrix = self._source.intrinsics() if isinstance(self._source, BagSource) else None
        if matrix is None or self._request.camera_height_m is None:
            return None
        pitch = math.radians(self._request.camera_pitch_deg)
        return _camera(matrix, rows, columns), GroundPlane.mounted(self._request.camera_height_m, pitch)


def frame_times(source: FrameSource, rate_hz: float | None) -> Iterator[tuple[int, float]]:
    """Yield the place in the source of each frame that can be played and when it was taken, in s; strictly rising."""
    last = -math.inf
    if not source.has_own_rate:
        yield from ((index, index / (rate_hz or ASSUMED_RATE_HZ)) for index in range(len(source)))
        return
    for frame in source.play_frames():
        last = max(frame.due_s, last + 1e-6)
        yield frame.index, last


def _camera(matrix: NDArray[np.float64], rows: int, columns: int) -> Camera:
    return Camera(
        Intrinsics(float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])), columns, rows
    )
