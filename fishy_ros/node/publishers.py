"""Everything the detector node publishes about a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Float32

from fishy_ros.imaging import render_overlay
from fishy_ros.node.conversions import (
    FrameHeader,
    color_message,
    heatmap_message,
    jpeg_message,
    label_message,
    latency_message,
    scale_camera_info,
)
from fishy_ros.node.obstacle_publishers import ObstaclePublishers
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.publisher_group import PublisherGroup, is_wanted
from fishy_ros.node.qos import QosMismatches
from fishy_ros.node.stamps import Age
from fishy_ros.types import Detection, ImageArray, ScoreMap


@dataclass(frozen=True)
class Picture:
    """What the pictures of one frame are painted from."""

    header: FrameHeader
    image: ImageArray | None
    """The whole image; None if nobody wanted an overlay when it was decoded."""
    detection: Detection
    threshold: float


class Publishers:
    """The publishers of a detector node; reliable, so that subscribers of either kind are served."""

    def __init__(self, node: LifecycleNode) -> None:
        """Create all publishers on `node`."""
        newest = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=2, reliability=ReliabilityPolicy.RELIABLE)
        every = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=20, reliability=ReliabilityPolicy.RELIABLE)
        self._source = node.get_fully_qualified_name()
        self._mismatches = QosMismatches(node)
        self._group = group = PublisherGroup(node, self._mismatches)
        self._heatmap = group.create(Image, "~/heatmap", newest)
        self._camera_info = group.create(CameraInfo, "~/camera_info", newest)
        self._overlay = group.create(Image, "~/overlay", newest)
        self._overlay_jpeg = group.create(CompressedImage, "~/overlay/compressed", newest)
        self._segmentation = group.create(Image, "~/segmentation", newest)
        self._latency = group.create(DiagnosticArray, "~/latency", every)
        self._latency_ms = group.create(Float32, "~/latency_ms", every)
        self.obstacles = ObstaclePublishers(node, self._mismatches)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps subscribers from hearing the node, one line a topic."""
        return self._mismatches.problems

    def destroy(self) -> None:
        """Take every topic off the bus."""
        self._group.destroy()
        self.obstacles.destroy()

    def publish_heatmap(self, header: FrameHeader, score: ScoreMap) -> None:
        """Publish the score map of a frame, float32 `[h, w]`."""
        self._heatmap.publish(heatmap_message(header, score))

    def publish_camera_info(self, header: FrameHeader, info: CameraInfo, scale_y: float, scale_x: float) -> None:
        """Publish the calibration that belongs to the heatmap."""
        if is_wanted(self._camera_info):
            self._camera_info.publish(scale_camera_info(info, header, scale_y, scale_x))

    def publish_latency(self, header: FrameHeader, stages_ms: Mapping[str, float], age: Age) -> None:
        """Publish what each stage took; `stages_ms["total"]` is also published for plots."""
        if is_wanted(self._latency):
            self._latency.publish(latency_message(header, self._source, stages_ms, age))
        if is_wanted(self._latency_ms):
            self._latency_ms.publish(Float32(data=stages_ms["total"]))

    def wants_overlay(self, parameters: DetectorParameters) -> bool:
        """Say whether anybody would receive an overlay."""
        return parameters.publish_overlay and (is_wanted(self._overlay) or is_wanted(self._overlay_jpeg))

    def wants_segmentation(self, parameters: DetectorParameters) -> bool:
        """Say whether anybody would receive a segmentation."""
        return parameters.publish_segmentation and is_wanted(self._segmentation)

    def publish_pictures(self, picture: Picture, parameters: DetectorParameters) -> None:
        """Paint and publish those pictures that somebody subscribes to."""
        if self.wants_segmentation(parameters):
            self._segmentation.publish(label_message(picture.header, picture.detection.labels))
        if picture.image is None or not self.wants_overlay(parameters):
            return
        overlay = render_overlay(
            picture.image,
            picture.detection.score,
            picture.threshold,
            parameters.overlay_opacity,
            parameters.color_map,
        )
        if is_wanted(self._overlay):
            self._overlay.publish(color_message(picture.header, overlay))
        if is_wanted(self._overlay_jpeg):
            self._overlay_jpeg.publish(jpeg_message(picture.header, overlay, parameters.overlay_jpeg_quality))
