"""The work of the detector node from its activation to its deactivation."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode

from fishy_ros.drift.monitor import Drift, DriftMonitor
from fishy_ros.errors import ImageError, describe_error
from fishy_ros.node.camera_subscriptions import CameraSubscriptions
from fishy_ros.node.fallback_levels import FallbackLevels
from fishy_ros.node.frame_counters import FrameCounters
from fishy_ros.node.latency import LatencyWindow
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.pipeline import Frame, Pipeline
from fishy_ros.node.publish_guard import PublishGuard
from fishy_ros.node.publishers import Picture, Publishers
from fishy_ros.node.sequence_gaps import SequenceGaps
from fishy_ros.node.stamp_order import StampOrder
from fishy_ros.node.worker import Worker
from fishy_ros.types import Detection, ImageArray


class ActiveRun:
    """Camera in, heatmaps out: callbacks hand frames to a worker, which hands pictures to a visualization thread."""

    def __init__(
        self,
        node: LifecycleNode,
        levels: FallbackLevels,
        publishers: Publishers,
        parameters: Callable[[], DetectorParameters],
        counters: FrameCounters,
        order: StampOrder,
        gaps: SequenceGaps,
    ) -> None:
        """Subscribe to the camera and start the threads.

        Frames are counted in `counters`, their stamps go by `order`, and `gaps` tells how many never arrived.
        """
        self.latencies = LatencyWindow()
        self.started_at = time.monotonic()
        self._counters = counters
        self._logger = node.get_logger()
        self._may_publish = node.context.ok
        self._parameters = parameters
        self._guard = PublishGuard[Frame]()
        package = levels.current.package
        self._monitor = DriftMonitor(package.calibration, package.baseline)
        self._visualization = Worker[Picture](
            "visualization", lambda picture: publishers.publish_pictures(picture, parameters()), self._on_picture_error
        )
        self._pipeline = Pipeline(
            levels=levels,
            publishers=publishers,
            counters=counters,
            order=order,
            latencies=self.latencies,
            parameters=parameters,
            now_ns=lambda: int(node.get_clock().now().nanoseconds),
            paint=self._visualization.offer,
            observe=self._observe,
            guard=self._guard,
        )
        self._worker = Worker[Frame]("inference", self._pipeline.handle, self._on_frame_error)
        self._camera = CameraSubscriptions(
            node,
            parameters().image_transport,
            gaps,
            self._on_frame,
            self._on_overtaken,
            self._counters.note_lost,
            self._on_bad_message,
        )
        self._visualization.start()
        self._worker.start()

    @property
    def busy_s(self) -> float:
        """For how many seconds the frame in work has been in work; 0 if there is none."""
        return self._worker.busy_s

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps cameras from being heard."""
        return self._camera.problems

    def drift(self) -> Drift:
        """Judge whether the input of the last moments is like the training data."""
        return self._monitor.judge(time.monotonic(), self._parameters().drift_window_s)

    def stop(self) -> bool:
        """Unsubscribe and let the frame in work finish; False if it does not within 5 s."""
        self._close_camera()
        return all([self._worker.stop(), self._visualization.stop()])

    def abandon(self, reason: str) -> None:
        """Unsubscribe and leave the frame in work behind; whatever comes of it will not be published."""
        frame = self._guard.give_up()
        self._close_camera()
        self._worker.stop(timeout_s=0.0)
        self._visualization.stop()
        if frame is not None:
            self._counters.note_failed(reason)
            self._publish_unknown(frame)

    def _close_camera(self) -> None:
        self._camera.destroy()
        if self._worker.close():
            self._counters.note_overtaken()

    def _on_frame(self, frame: Frame) -> None:
        self._counters.note_received()
        if self._worker.offer(frame):
            self._counters.note_overtaken()

    def _on_overtaken(self) -> None:
        self._counters.note_received()
        self._counters.note_overtaken()

    def _on_bad_message(self, reason: str) -> None:
        self._counters.note_received()
        self._drop_bad(reason)

    def _on_frame_error(self, frame: Frame, error: Exception) -> None:
        if not self._may_publish():  # Ctrl-C ends the context, and with it every publisher, under the frame in work
            return
        with self._guard.publish() as is_ours:
            if is_ours and isinstance(error, ImageError):
                self._drop_bad(str(error))
            elif is_ours:
                self._counters.note_failed(describe_error(error))
                self._publish_unknown(frame)
        if not self._guard.is_given_up and not isinstance(error, ImageError):
            self._logger.error(f"frame dropped: {describe_error(error)}", throttle_duration_sec=1.0)

    def _observe(self, image: ImageArray, detection: Detection) -> None:
        if self._parameters().drift_window_s > 0.0:
            self._monitor.add(time.monotonic(), image, detection)

    def _publish_unknown(self, frame: Frame) -> None:
        if not self._parameters().publish_on_failure:
            return
        try:
            self._pipeline.publish_unknown(frame)
        except Exception as error:  # publishing may fail in many ways while the node shuts down; the thread goes on
            self._logger.error(f"no heatmap for a failed frame: {describe_error(error)}", throttle_duration_sec=1.0)
            return
        self._counters.note_unknown()

    def _on_picture_error(self, picture: Picture, error: Exception) -> None:
        if self._may_publish():
            self._logger.error(f"picture dropped: {describe_error(error)}", throttle_duration_sec=1.0)

    def _drop_bad(self, reason: str) -> None:
        self._counters.note_bad(reason)
        self._logger.warning(f"bad image dropped: {reason}", throttle_duration_sec=1.0)
