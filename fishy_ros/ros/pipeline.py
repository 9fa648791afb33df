"""What happens to one frame: decode, detect, publish, account for the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sensor_msgs.msg import CameraInfo

from fishy_ros.detector import AnomalyDetector
from fishy_ros.imaging import resize_score
from fishy_ros.ros.frame_ledger import FrameLedger
from fishy_ros.ros.image_messages import CameraImage, FrameHeader
from fishy_ros.ros.latency import LatencyWindow, age_of
from fishy_ros.ros.parameters import MODEL_THRESHOLD, DetectorParameters
from fishy_ros.ros.publishers import Picture, Publishers
from fishy_ros.ros.stamp_order import StampOrder
from fishy_ros.types import ScoreMap


@dataclass(frozen=True)
class Frame:
    """An image as it came off the bus."""

    image: CameraImage
    receive_ms: float
    """From its arrival in the middleware to the node's callback."""
    received_at: float
    """When the callback had it, by `time.perf_counter`."""
    camera_info: CameraInfo | None
    """The latest calibration at that time."""


@dataclass(frozen=True)
class Pipeline:
    """Handle frames one at a time, on the worker's thread."""

    detector: AnomalyDetector
    publishers: Publishers
    ledger: FrameLedger
    order: StampOrder
    latencies: LatencyWindow
    parameters: Callable[[], DetectorParameters]
    now_ns: Callable[[], int]
    """The clock that stamps images."""
    paint: Callable[[Picture], object]
    """Takes what pictures are painted from, if anybody wants one."""
    is_abandoned: Callable[[], bool]
    """Whether the result of the frame in work comes too late."""

    def handle(self, frame: Frame) -> None:
        """Publish the heatmap of a frame, then everything else about it; a frame with a stale stamp is dropped.

        Raises:
            ImageError: the image cannot be decoded.
            InferenceError: the runtime failed.
        """
        parameters, header = self.parameters(), frame.image.header
        if self._is_stale(header):
            return
        started = time.perf_counter()
        image = frame.image.to_bgr()
        decoded = time.perf_counter()
        detection = self.detector.detect(image)
        detected = time.perf_counter()
        if self.is_abandoned():
            return
        score = _heatmap(detection.score, parameters, *image.shape[:2])
        self.order.note_published(header.stamp_ns)
        self.publishers.publish_heatmap(header, score)
        published = time.perf_counter()
        age = age_of(header.stamp_ns, self.now_ns())
        self.ledger.note_published()
        stages_ms = {
            "receive": frame.receive_ms,
            "wait": (started - frame.received_at) * 1e3,
            "decode": (decoded - started) * 1e3,
            **detection.timings_ms,
            "publish": (published - detected) * 1e3,
            "total": (published - frame.received_at) * 1e3 + frame.receive_ms,
        }
        self.latencies.add({**stages_ms, "age": age.ms})
        if parameters.publish_latency:
            self.publishers.publish_latency(header, stages_ms, age)
        if parameters.publish_camera_info and frame.camera_info is not None:
            scale_y, scale_x = score.shape[0] / image.shape[0], score.shape[1] / image.shape[1]
            self.publishers.publish_camera_info(header, frame.camera_info, scale_y, scale_x)
        if self.publishers.wants_pictures(parameters):
            self.paint(Picture(header, image, detection, self.threshold(parameters)))

    def _is_stale(self, header: FrameHeader) -> bool:
        restarts = self.order.restarts
        reason = self.order.refusal(header.stamp_ns, time.monotonic())
        if self.order.restarts > restarts:
            self.ledger.note_stamp_restart()
        if reason:
            self.ledger.note_stale(reason)
        return bool(reason)

    def threshold(self, parameters: DetectorParameters) -> float:
        """Return the threshold in force, in [0, 1]."""
        if parameters.threshold == MODEL_THRESHOLD:
            return self.detector.package.calibration.default_threshold
        return parameters.threshold


def _heatmap(score: ScoreMap, parameters: DetectorParameters, height: int, width: int) -> ScoreMap:
    return resize_score(score, height, width) if parameters.heatmap_size == "image" else score
