"""What happens to one frame: decode, detect, publish, account for the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sensor_msgs.msg import CameraInfo

from fishy_ros.detector import AnomalyDetector
from fishy_ros.imaging import resize_score
from fishy_ros.ros.frame_ledger import FrameLedger
from fishy_ros.ros.image_messages import CameraImage
from fishy_ros.ros.latency import LatencyWindow, age_of
from fishy_ros.ros.parameters import MODEL_THRESHOLD, DetectorParameters
from fishy_ros.ros.publishers import Picture, Publishers
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
    latencies: LatencyWindow
    parameters: Callable[[], DetectorParameters]
    now_ns: Callable[[], int]
    """The clock that stamps images."""
    paint: Callable[[Picture], object]
    """Takes what pictures are painted from, if anybody wants one."""
    is_abandoned: Callable[[], bool]
    """Whether the result of the frame in work comes too late."""

    def handle(self, frame: Frame) -> None:
        """Publish the heatmap of a frame, then everything else about it.

        Raises:
            ImageError: the image cannot be decoded.
            InferenceError: the runtime failed.
        """
        parameters, header = self.parameters(), frame.image.header
        started = time.perf_counter()
        wants_overlay = self.publishers.wants_overlay(parameters)
        # Nobody but the overlay sees more of the image than the network does.
        image = frame.image.to_bgr(None if wants_overlay else self.detector.package.input_shape[1:3])
        decoded = time.perf_counter()
        detection = self.detector.detect(image)
        detected = time.perf_counter()
        if self.is_abandoned():
            return
        score = _heatmap(detection.score, parameters, frame.image)
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
            height, width = frame.image.size()
            scale_y, scale_x = score.shape[0] / height, score.shape[1] / width
            self.publishers.publish_camera_info(header, frame.camera_info, scale_y, scale_x)
        if wants_overlay or self.publishers.wants_segmentation(parameters):
            whole = image if wants_overlay else None
            self.paint(Picture(header, whole, detection, self.threshold(parameters)))

    def threshold(self, parameters: DetectorParameters) -> float:
        """Return the threshold in force, in [0, 1]."""
        if parameters.threshold == MODEL_THRESHOLD:
            return self.detector.package.calibration.default_threshold
        return parameters.threshold


def _heatmap(score: ScoreMap, parameters: DetectorParameters, image: CameraImage) -> ScoreMap:
    return resize_score(score, *image.size()) if parameters.heatmap_size == "image" else score
