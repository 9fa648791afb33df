"""The work of the detector node from its activation to its deactivation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import FishyError, ImageError
from fishy_ros.ros.camera_subscriptions import CameraSubscriptions
from fishy_ros.ros.frame_ledger import FrameLedger
from fishy_ros.ros.latency import LatencyWindow
from fishy_ros.ros.parameters import DetectorParameters
from fishy_ros.ros.pipeline import Frame, Pipeline
from fishy_ros.ros.publishers import Picture, Publishers
from fishy_ros.ros.stamp_order import StampOrder
from fishy_ros.ros.worker import Worker


class ActiveRun:
    """Camera in, heatmaps out: callbacks hand frames to a worker, which hands pictures to a painter."""

    def __init__(
        self,
        node: LifecycleNode,
        detector: AnomalyDetector,
        publishers: Publishers,
        parameters: Callable[[], DetectorParameters],
        ledger: FrameLedger,
        order: StampOrder,
    ) -> None:
        """Start the threads and subscribe to the camera; frames are counted in `ledger`, their stamps go by `order`."""
        self.latencies = LatencyWindow()
        self.started_at = time.monotonic()
        self._ledger = ledger
        self._logger = node.get_logger()
        self._abandoned = threading.Event()
        self._painter = Worker[Picture](
            "painter", lambda picture: publishers.publish_pictures(picture, parameters()), self._on_picture_error
        )
        pipeline = Pipeline(
            detector=detector,
            publishers=publishers,
            ledger=ledger,
            order=order,
            latencies=self.latencies,
            parameters=parameters,
            now_ns=lambda: int(node.get_clock().now().nanoseconds),
            paint=self._painter.offer,
            is_abandoned=self._abandoned.is_set,
        )
        self._worker = Worker[Frame]("inference", pipeline.handle, self._on_frame_error)
        self._painter.start()
        self._worker.start()
        self._camera = CameraSubscriptions(
            node,
            parameters().image_transport,
            self._on_frame,
            self._on_overtaken,
            self._ledger.note_lost,
            self._on_bad_message,
        )

    @property
    def busy_s(self) -> float:
        """For how many seconds the frame in work has been in work; 0 if there is none."""
        return self._worker.busy_s

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps cameras from being heard."""
        return self._camera.problems

    def stop(self) -> bool:
        """Unsubscribe and let the frame in work finish; False if it does not within 5 s."""
        self._camera.destroy()
        return all([self._worker.stop(), self._painter.stop()])

    def abandon(self, reason: str) -> None:
        """Unsubscribe and leave the frame in work behind; whatever comes of it will not be published."""
        self._abandoned.set()
        self._camera.destroy()
        self._worker.stop(timeout_s=0.0)
        self._painter.stop()
        self._ledger.note_failed(reason)

    def _on_frame(self, frame: Frame) -> None:
        self._ledger.note_received()
        if self._worker.offer(frame):
            self._ledger.note_overtaken()

    def _on_overtaken(self) -> None:
        self._ledger.note_received()
        self._ledger.note_overtaken()

    def _on_bad_message(self, reason: str) -> None:
        self._ledger.note_received()
        self._drop_bad(reason)

    def _on_frame_error(self, frame: Frame, error: Exception) -> None:
        if self._abandoned.is_set():
            return
        if isinstance(error, ImageError):
            self._drop_bad(str(error))
            return
        reason = _describe(error)
        self._ledger.note_failed(reason)
        self._logger.error(f"frame dropped: {reason}", throttle_duration_sec=1.0)

    def _on_picture_error(self, picture: Picture, error: Exception) -> None:
        self._logger.error(f"picture dropped: {_describe(error)}", throttle_duration_sec=1.0)

    def _drop_bad(self, reason: str) -> None:
        self._ledger.note_bad(reason)
        self._logger.warning(f"bad image dropped: {reason}", throttle_duration_sec=1.0)


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, FishyError) else f"{type(error).__name__}: {error}"
