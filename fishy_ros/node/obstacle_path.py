"""From the detection of a frame to its mask, detections, markers and points: parameters in, messages out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from fishy_ros.errors import describe_error
from fishy_ros.node.obstacle_finder import ObstacleSettings
from fishy_ros.node.obstacle_publishers import ThresholdMeaning
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.state import DetectorState
from fishy_ros.node.subscriptions import Frame, topic_of
from fishy_ros.obstacles import PersistenceRules, RegionRules
from fishy_ros.types import Detection

_RECTIFIED = re.compile(r"(^|[/_])rect")
"""In the name of a topic of rectified images, such as image_rect_color."""


class ObstaclePath:
    """Publish everything about the regions of a frame, on the worker's thread, once its heatmap is out.

    Whatever fails here costs the messages about regions, never a heatmap.
    """

    def __init__(self, state: DetectorState) -> None:
        """Take over what the node has made at its activation."""
        assert state.levels is not None, "engines are loaded before a loop starts"
        assert state.outputs is not None, "a node that is not configured has no outputs"
        assert state.finder is not None, "the finder is made before a loop starts"
        self._levels, self._finder, self._outputs = state.levels, state.finder, state.outputs.obstacles
        self._logger = state.node.get_logger()
        self._topic = state.node.resolve_topic_name(topic_of(state.parameters.image_transport))
        self._failure = ""
        self._outputs.forget_description()

    @property
    def problems(self) -> tuple[str, ...]:
        """Why regions are not published, or not placed, though somebody waits for that."""
        unplaced = self._finder.problem if self._outputs.wants_places() else ""
        return tuple(filter(None, (self._failure, unplaced)))

    def threshold(self, parameters: DetectorParameters) -> float:
        """Return the threshold in force, in [0, 1]."""
        return parameters.threshold_in_force(self._default_threshold)

    def meaning(self, parameters: DetectorParameters) -> ThresholdMeaning:
        """Return what the threshold in force means."""
        calibration = self._levels.current.package.calibration
        threshold = self.threshold(parameters)
        low = parameters.threshold_low_in_force(self._default_threshold)
        return ThresholdMeaning(threshold, low, calibration.share_above(threshold), calibration.meaning)

    def publish(self, frame: Frame, detection: Detection, parameters: DetectorParameters) -> Mapping[str, float]:
        """Publish what somebody wants; returns the ms that it took as the stage `regions`, if there was anything."""
        header = frame.image.header
        try:
            self._outputs.describe(header, self.meaning(parameters), self._finder.classes)
            settings = self._settings(parameters)
            size = frame.image.size()
            took_ms = self._outputs.publish(header, detection, size, frame.camera_info, self._finder, settings)
        except Exception as error:  # publishing may fail in many ways while the node shuts down; the thread goes on
            self._failure = f"no regions for a frame: {describe_error(error)}"
            self._logger.error(self._failure, throttle_duration_sec=1.0)
            return {}
        self._failure = ""
        return {"regions": took_ms} if took_ms else {}

    def publish_unknown(self, frame: Frame, score_size: tuple[int, int], parameters: DetectorParameters) -> None:
        """Publish that everything is unknown.

        Raises:
            ImageError: the size of the image cannot be read.
        """
        settings, info = self._settings(parameters), frame.camera_info
        self._outputs.publish_unknown(frame.image.header, score_size, frame.image.size(), info, self._finder, settings)

    def _settings(self, parameters: DetectorParameters) -> ObstacleSettings:
        threshold = self.threshold(parameters)
        drivable = self._levels.current.package.class_ids(parameters.drivable_classes)
        low = parameters.threshold_low_in_force(self._default_threshold)
        rules = RegionRules(threshold, low, parameters.smallest_region_px, drivable)
        hits, window = parameters.confirm_hits_in_force, parameters.confirm_window
        persistence = PersistenceRules(hits, window, parameters.max_gap_s)
        is_rectified = _RECTIFIED.search(self._topic) is not None if parameters.image_rectified == "auto" else None
        return ObstacleSettings(
            rules,
            persistence,
            mask_has_image_size=parameters.heatmap_size == "image",
            is_rectified=parameters.image_rectified == "true" if is_rectified is None else is_rectified,
            camera_height_m=parameters.camera_height_m,
            camera_pitch_rad=math.radians(parameters.camera_pitch_deg),
            camera_roll_rad=math.radians(parameters.camera_roll_deg),
            pitch_error_rad=math.radians(parameters.camera_pitch_error_deg),
            max_distance_m=parameters.max_obstacle_distance_m,
        )

    @property
    def _default_threshold(self) -> float:
        return self._levels.current.package.calibration.default_threshold
