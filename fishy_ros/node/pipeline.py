"""What happens to one frame: decode, detect, publish, account for the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import CameraInfo

from fishy_ros.imaging import resize_score
from fishy_ros.node.fallback_levels import FallbackLevels
from fishy_ros.node.frame_counters import FrameCounters
from fishy_ros.node.image_messages import CameraImage, FrameHeader
from fishy_ros.node.latency import LatencyWindow, age_of
from fishy_ros.node.parameters import MODEL_THRESHOLD, DetectorParameters
from fishy_ros.node.publish_guard import PublishGuard
from fishy_ros.node.publishers import Picture, Publishers
from fishy_ros.node.stamp_order import UNSTAMPED_NS, StampOrder
from fishy_ros.types import Detection, ImageArray, ScoreMap


@dataclass(frozen=True)
class Frame:
    """An image as it came off the bus."""

    image: CameraImage
    receive_ms: float
    """From its arrival in the middleware to the node's callback; 0 where that is not known (Humble)."""
    received_at: float
    """When the callback had it, by `time.perf_counter`."""
    camera_info: CameraInfo | None
    """The latest calibration at that time."""


@dataclass(frozen=True)
class Pipeline:
    """Handle frames one at a time, on the worker's thread."""

    levels: FallbackLevels
    publishers: Publishers
    counters: FrameCounters
    order: StampOrder
    latencies: LatencyWindow
    parameters: Callable[[], DetectorParameters]
    now_ns: Callable[[], int]
    """The clock that stamps images."""
    paint: Callable[[Picture], object]
    """Takes what pictures are painted from, if anybody wants one."""
    observe: Callable[[ImageArray, Detection], object]
    """Takes what the network read and what it said, once that is published."""
    guard: PublishGuard[Frame]
    """Says whether the result of the frame in work comes too late."""

    def handle(self, frame: Frame) -> None:
        """Publish the heatmap of a frame, then everything else about it; a frame with a stale stamp is dropped.

        A frame whose stamp is 0 has no known age and is as good as any other.

        Raises:
            ImageError: the image cannot be decoded.
            InferenceError: the runtime failed.
        """
        parameters, header = self.parameters(), frame.image.header
        if self._is_stale(header):
            return
        if not self.guard.begin(frame):
            self.counters.note_overtaken()
            return
        detector = self.levels.current
        started = time.perf_counter()
        wants_overlay = self.publishers.wants_overlay(parameters)
        rows, columns, _ = detector.network_image.shape
        # Nobody but the overlay sees more of the image than the network does.
        image = frame.image.to_bgr(None if wants_overlay else (rows, columns))
        decoded = time.perf_counter()
        detection = detector.detect(image)
        detected = time.perf_counter()
        score = _heatmap(detection.score, parameters, frame.image)
        with self.guard.publish() as is_ours:
            if not is_ours:
                return
            self._publish(header, score)
        published = time.perf_counter()
        age = age_of(header.stamp_ns, self.now_ns())
        self.counters.note_published()
        stages_ms = {
            "receive": frame.receive_ms,
            "wait": (started - frame.received_at) * 1e3,
            "decode": (decoded - started) * 1e3,
            **detection.timings_ms,
            "publish": (published - detected) * 1e3,
            "total": (published - frame.received_at) * 1e3 + frame.receive_ms,
        }
        self.levels.note_frame(stages_ms["total"], parameters.deadline_rules)
        self.latencies.add({**stages_ms, "age": age.ms})
        if parameters.publish_latency:
            self.publishers.publish_latency(header, stages_ms, age)
        self._publish_camera_info(frame, score, parameters)
        if wants_overlay or self.publishers.wants_segmentation(parameters):
            whole = image if wants_overlay else None
            self.paint(Picture(header, whole, detection, self.threshold(parameters)))
        self.observe(detector.network_image, detection)

    def publish_unknown(self, frame: Frame) -> None:
        """Publish a heatmap of ones for a frame that gets no other; the caller has its claim.

        Raises:
            ImageError: the size of the image is asked for and cannot be read.
        """
        parameters = self.parameters()
        is_large = parameters.heatmap_size == "image"
        score = np.ones(frame.image.size() if is_large else self.levels.current.score_size, np.float32)
        self._publish(frame.image.header, score)
        self._publish_camera_info(frame, score, parameters)

    def _publish(self, header: FrameHeader, score: ScoreMap) -> None:
        self.order.note_published(header.stamp_ns)
        self.publishers.publish_heatmap(header, score)

    def _publish_camera_info(self, frame: Frame, score: ScoreMap, parameters: DetectorParameters) -> None:
        if parameters.publish_camera_info and frame.camera_info is not None:
            height, width = frame.image.size()
            scale_y, scale_x = score.shape[0] / height, score.shape[1] / width
            self.publishers.publish_camera_info(frame.image.header, frame.camera_info, scale_y, scale_x)

    def _is_stale(self, header: FrameHeader) -> bool:
        if header.stamp_ns == UNSTAMPED_NS:
            self.counters.note_unstamped()
        restarts = self.order.restarts
        reason = self.order.refusal(header.stamp_ns, time.monotonic())
        if self.order.restarts > restarts:
            self.counters.note_stamp_restart()
        if reason:
            self.counters.note_stale(reason)
        return bool(reason)

    def threshold(self, parameters: DetectorParameters) -> float:
        """Return the threshold in force, in [0, 1]."""
        if parameters.threshold == MODEL_THRESHOLD:
            return self.levels.current.package.calibration.default_threshold
        return parameters.threshold


def _heatmap(score: ScoreMap, parameters: DetectorParameters, image: CameraImage) -> ScoreMap:
    return resize_score(score, *image.size()) if parameters.heatmap_size == "image" else score
