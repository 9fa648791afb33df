"""Everything that the detector node publishes about the regions of a frame."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from visualization_msgs.msg import MarkerArray

from fishy_ros.imaging import resize_classes
from fishy_ros.node.conversions import FrameHeader, label_message
from fishy_ros.node.obstacle_finder import ObstacleFinder, ObstacleSettings
from fishy_ros.node.obstacle_markers import MarkerBuilder
from fishy_ros.node.obstacle_messages import (
    FrameObstacles,
    cloud_message,
    detections_message,
    label_info_message,
    threshold_message,
)
from fishy_ros.node.publisher_group import PublisherGroup, is_wanted
from fishy_ros.node.qos import QosMismatches
from fishy_ros.obstacles import AnomalyRegions
from fishy_ros.types import Detection


@dataclass(frozen=True)
class ThresholdMeaning:
    """What the threshold in force means."""

    threshold: float
    low: float
    share_above: float | None
    """Share of the normal pixels that is scored above it; None where the model does not say."""
    meaning: str

    @property
    def values(self) -> Mapping[str, str]:
        """The same for `/diagnostics`."""
        return {
            "threshold": f"{self.threshold:.6g}",
            "threshold_low": f"{self.low:.6g}",
            "normal_share_above": "unknown" if self.share_above is None else f"{self.share_above:.3g}",
        }


class ObstaclePublishers:
    """Mask, detections, markers and points; each is computed only while somebody subscribes.

    `~/detections` and `~/label_info` exist where vision_msgs is installed.
    """

    def __init__(self, node: LifecycleNode, mismatches: QosMismatches) -> None:
        """Create all publishers on `node`; policies that do not fit are noted in `mismatches`."""
        newest = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=2, reliability=ReliabilityPolicy.RELIABLE)
        latched = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        self._name = node.get_fully_qualified_name()
        self._group = group = PublisherGroup(node, mismatches)
        self._vision = _vision_messages()
        self._mask = group.create(Image, "~/mask", newest)
        self._markers = group.create(MarkerArray, "~/markers", newest)
        self._obstacles = group.create(PointCloud2, "~/obstacles", newest)
        self._threshold = group.create(DiagnosticStatus, "~/threshold", latched)
        self._detections = self._labels = None
        if self._vision is not None:
            self._detections = group.create(self._vision.Detection2DArray, "~/detections", newest)
            self._labels = group.create(self._vision.LabelInfo, "~/label_info", latched)
        self._builder = MarkerBuilder()
        self._described: ThresholdMeaning | None = None

    def destroy(self) -> None:
        """Take every topic off the bus."""
        self._group.destroy()

    def wants_tracks(self) -> bool:
        """Say whether anybody would receive detections, markers or points."""
        return any(is_wanted(one) for one in (self._detections, self._markers, self._obstacles))

    def wants_places(self) -> bool:
        """Say whether anybody would receive something that lies in space."""
        return is_wanted(self._markers) or is_wanted(self._obstacles)

    def wants_regions(self) -> bool:
        """Say whether anybody would receive anything that is made of regions."""
        return is_wanted(self._mask) or self.wants_tracks()

    def describe(self, header: FrameHeader, meaning: ThresholdMeaning, classes: Mapping[int, str]) -> None:
        """Publish the meaning of the threshold and the names of the classes, latched, where they have changed."""
        if meaning == self._described:
            return
        self._described = meaning
        self._threshold.publish(threshold_message(self._name, meaning.meaning, meaning.values))
        if self._labels is not None:
            self._labels.publish(label_info_message(header, classes, self._vision))

    def forget_description(self) -> None:
        """Describe the threshold anew with the next frame: latched messages of an inactive publisher are lost."""
        self._described = None

    def publish(
        self,
        header: FrameHeader,
        detection: Detection,
        image_size: tuple[int, int],
        camera_info: CameraInfo | None,
        finder: ObstacleFinder,
        settings: ObstacleSettings,
    ) -> float:
        """Publish everything about the regions of a frame that somebody wants; returns the ms that it took.

        Args:
            header: of the image.
            detection: what the network said.
            image_size: rows and columns of the image.
            camera_info: the latest calibration, if any.
            finder: knows the regions of the frames before.
            settings: what counts.
        """
        if not self.wants_regions():
            return 0.0
        started = time.perf_counter()
        found = finder.find(detection.score, detection.labels, settings)
        self._publish_mask(header, found, image_size if settings.mask_has_image_size else None)
        if self.wants_tracks():
            self._publish_tracks(finder.follow(header, found, image_size, camera_info, settings))
        return (time.perf_counter() - started) * 1e3

    def publish_unknown(
        self,
        header: FrameHeader,
        score_size: tuple[int, int],
        image_size: tuple[int, int],
        camera_info: CameraInfo | None,
        finder: ObstacleFinder,
        settings: ObstacleSettings,
    ) -> None:
        """Publish a mask and one region that cover the whole image: all is unknown."""
        if not self.wants_regions():
            return
        found = finder.everything(score_size)
        self._publish_mask(header, found, image_size if settings.mask_has_image_size else None)
        if self.wants_tracks():
            self._publish_tracks(finder.follow_everything(header, found, image_size, camera_info, settings))

    def _publish_mask(self, header: FrameHeader, found: AnomalyRegions, size: tuple[int, int] | None) -> None:
        if is_wanted(self._mask):
            mask = found.mask if size is None else resize_classes(found.mask, *size)
            self._mask.publish(label_message(header, np.ascontiguousarray(mask)))

    def _publish_tracks(self, obstacles: FrameObstacles) -> None:
        if self._detections is not None and is_wanted(self._detections):
            self._detections.publish(detections_message(obstacles, self._vision))
        if is_wanted(self._markers):
            self._markers.publish(self._builder.build(obstacles))
        # An empty cloud says that the way is free, so there is none where nothing can be placed.
        if obstacles.placed is not None and is_wanted(self._obstacles):
            self._obstacles.publish(cloud_message(obstacles))


def _vision_messages() -> Any:
    """Return the module `vision_msgs.msg`, or None where it is not installed."""
    try:
        return importlib.import_module("vision_msgs.msg")
    except ImportError:
        return None
