"""The work of a node for mask, markers and points, without the bus: from a detection to serialised messages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo

from fishy_ros.evaluation.bench.sampling import Stages
from fishy_ros.model_package import ModelPackage
from fishy_ros.node.conversions import FrameHeader, label_message
from fishy_ros.node.obstacle_finder import ObstacleFinder, ObstacleSettings
from fishy_ros.node.obstacle_inputs import ObstacleInputs
from fishy_ros.node.obstacle_markers import MarkerBuilder
from fishy_ros.node.obstacle_messages import FrameObstacles, class_names, cloud_message
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.ros_start import init_ros
from fishy_ros.obstacles import AnomalyRegions, PersistenceRules, RegionRules
from fishy_ros.types import Detection

FRAME_NS = 100_000_000
CAMERA_HEIGHT_M = 1.4
"""Some height above the ground: what is placed where does not change the time that it takes."""


class RegionWork:
    """Everything about the regions of frames that follow each other, as a node does it that nobody talks to."""

    def __init__(self, finder: ObstacleFinder, settings: ObstacleSettings, image_size: tuple[int, int]) -> None:
        """Take what a node has at its activation; `image_size` is height and width in px."""
        self._finder, self._settings, self._image_size = finder, settings, image_size
        self._calibration = _calibration(*image_size)
        self._builder = MarkerBuilder()
        self._number = 0

    def mask(self, detection: Detection) -> Stages:
        """Make the mask alone; returns ms by stage."""
        return self._mask(detection)[0]

    def points(self, detection: Detection) -> Stages:
        """Make the mask, follow and place its regions, and make points; returns ms by stage."""
        return self._place(detection)[0]

    def everything(self, detection: Detection) -> Stages:
        """Make the same and the markers for viewers; returns ms by stage."""
        stages, obstacles = self._place(detection)
        started = time.perf_counter()
        serialize_message(self._builder.build(obstacles))
        markers = 1e3 * (time.perf_counter() - started)
        return {**stages, "markers": markers, "regions": stages["regions"] + markers}

    def _place(self, detection: Detection) -> tuple[Stages, FrameObstacles]:
        self._number += 1
        stamp_ns = self._number * FRAME_NS
        header = FrameHeader(stamp_ns // 10**9, stamp_ns % 10**9, "camera")
        stages, found = self._mask(detection)
        started = time.perf_counter()
        obstacles = self._finder.follow(header, found, self._image_size, self._calibration, self._settings)
        between = time.perf_counter()
        serialize_message(cloud_message(obstacles))
        follow, points = 1e3 * (between - started), 1e3 * (time.perf_counter() - between)
        return {**stages, "follow": follow, "points": points, "regions": stages["regions"] + follow + points}, obstacles

    def _mask(self, detection: Detection) -> tuple[Stages, AnomalyRegions]:
        started = time.perf_counter()
        found = self._finder.find(detection.score, detection.labels, self._settings)
        between = time.perf_counter()
        serialize_message(label_message(FrameHeader(1, 0, "camera"), found.mask))
        find, mask = 1e3 * (between - started), 1e3 * (time.perf_counter() - between)
        return {"find": find, "mask": mask, "regions": find + mask}, found


@contextmanager
def region_work(package: ModelPackage, threshold: float, image_size: tuple[int, int]) -> Iterator[RegionWork]:
    """Make what a node has at its activation; regions are confirmed after 3 of 5 frames.

    Raises:
        ConfigError: ROS does not start.
    """
    context = Context()
    init_ros((), context)
    node = LifecycleNode("fishy_bench", context=context, start_parameter_services=False)
    finder = ObstacleFinder(class_names(package.classes), ObstacleInputs(node, DetectorParameters()))
    settings = ObstacleSettings(
        RegionRules(threshold), PersistenceRules(3, 5), camera_height_m=CAMERA_HEIGHT_M, is_rectified=False
    )
    try:
        yield RegionWork(finder, settings, image_size)
    finally:
        finder.close()
        node.destroy_node()
        context.try_shutdown()


def _calibration(height: int, width: int) -> CameraInfo:
    matrix = [float(width), 0.0, width / 2, 0.0, float(width), height / 2, 0.0, 0.0, 1.0]
    return CameraInfo(height=height, width=width, k=matrix, distortion_model="plumb_bob")
