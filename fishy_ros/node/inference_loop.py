"""The work of the detector node from an activation to its end: frames in, heatmaps out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np

from fishy_ros.drift.monitor import Drift, DriftMonitor
from fishy_ros.errors import ImageError, describe_error
from fishy_ros.imaging import resize_score
from fishy_ros.node.calibration import CalibrationCheck
from fishy_ros.node.conversions import FrameHeader
from fishy_ros.node.counters import LatencyWindow
from fishy_ros.node.engine_pool import Ticket
from fishy_ros.node.obstacle_path import ObstaclePath
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.publishers import Picture
from fishy_ros.node.stamps import UNSTAMPED_NS, age_of
from fishy_ros.node.state import DetectorState
from fishy_ros.node.subscriptions import CameraSubscriptions, Frame
from fishy_ros.node.worker import PublishGuard, Worker
from fishy_ros.types import ScoreMap


class InferenceLoop:
    """Handle the newest frame on one thread, and paint pictures of it on another.

    It keeps the levels, counters and publishers that it was started with: whatever a restart puts in their place, a
    thread that comes back late finds its own, and a guard that lets it publish nothing.
    """

    def __init__(self, state: DetectorState) -> None:
        """Subscribe to the camera and start the threads; the node is configured and its engines are loaded."""
        assert state.levels is not None, "engines are loaded before a loop starts"
        assert state.outputs is not None, "a node that is not configured has no outputs"
        self.latencies = LatencyWindow()
        self.started_at = time.monotonic()
        self._node, self._settings = state.node, state.settings
        self._levels, self._publishers = state.levels, state.outputs
        self._counters, self._order = state.counters, state.order
        self._obstacles = ObstaclePath(state)
        self._logger = state.node.get_logger()
        self._guard = PublishGuard[Frame]()
        self._calibration = CalibrationCheck()
        package = state.levels.current.package
        self._monitor = DriftMonitor(package.calibration, package.baseline)
        self._visualization = Worker[Picture]("visualization", self._paint, self._on_picture_error)
        self._turns, self._ticket = state.pool.turns if state.pool is not None else None, Ticket()
        self._worker = Worker[Frame]("inference", self._handle, self._on_frame_error, self._turn)
        self._camera = CameraSubscriptions(state, self._on_frame)
        self._visualization.start()
        self._worker.start()

    @property
    def busy_s(self) -> float:
        """For how many seconds the frame in work has been in work, its engine being open; 0 if there is none."""
        return min(self._worker.busy_s, self._levels.ready_s)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps cameras from being heard, or what belongs to them from being published."""
        return (*self._camera.problems, *filter(None, [self._calibration.problem]), *self._obstacles.problems)

    def silence(self) -> str:
        """Say what keeps images from coming."""
        return self._camera.silence()

    @property
    def threshold_values(self) -> Mapping[str, str]:
        """The threshold in force and what it means, for `/diagnostics`."""
        return self._obstacles.meaning(self._settings.current).values

    def drift(self) -> Drift:
        """Judge whether the input of the last moments is like the training data."""
        return self._monitor.judge(time.monotonic(), self._settings.current.drift_window_s)

    def stop(self) -> bool:
        """Unsubscribe and let the frame in work finish; False if it does not within 5 s."""
        self._close_camera()
        if self._turns is not None:
            self._turns.stop_waiting(self._ticket)
        return all([self._worker.stop(), self._visualization.stop()])

    def abandon(self, reason: str) -> None:
        """Unsubscribe and abandon the frame in work; whatever comes of it will not be published.

        The loop keeps its turn until `give_up_turn`.
        """
        frame = self._guard.give_up()
        self._close_camera()
        self._worker.stop(timeout_s=0.0)
        self._visualization.stop()
        if frame is not None:
            self._counters.note_failed(reason)
            self._publish_unknown(frame)

    def give_up_turn(self) -> None:
        """Let other cameras go on; the engine in which a frame of an abandoned loop hangs is abandoned, too."""
        if self._turns is not None:
            self._turns.give_up(self._ticket)

    def _close_camera(self) -> None:
        self._camera.destroy()
        if self._worker.close():
            self._counters.note_overtaken()

    def _on_frame(self, frame: Frame) -> None:
        self._counters.note_received()
        if self._worker.offer(frame):
            self._counters.note_overtaken()

    # --- on the worker's thread ---

    def _turn(self) -> AbstractContextManager[object]:
        """Wait until the engine is free, where other cameras use it too."""
        return nullcontext() if self._turns is None else self._turns.turn(self._ticket)

    def _handle(self, frame: Frame) -> None:
        """Publish the heatmap of a frame, then everything else about it; a frame with a stale stamp is dropped.

        A frame whose stamp is 0 has no known age and is as good as any other.

        Raises:
            ImageError: the image cannot be decoded.
            InferenceError: the runtime failed.
        """
        parameters, header = self._settings.current, frame.image.header
        if self._is_stale(header):
            return
        if not self._guard.begin(frame):
            self._counters.note_overtaken()
            return
        detector = self._levels.current
        started = time.perf_counter()
        wants_overlay = self._publishers.wants_overlay(parameters)
        rows, columns, _ = detector.network_image.shape
        # Nobody but the overlay sees more of the image than the network does.
        image = frame.image.to_bgr(None if wants_overlay else (rows, columns), parameters.channel_order)
        decoded = time.perf_counter()
        detection = detector.detect(image)
        detected = time.perf_counter()
        is_large = parameters.heatmap_size == "image"
        score = resize_score(detection.score, *frame.image.size()) if is_large else detection.score
        with self._guard.publish() as is_ours:
            if not is_ours:
                return
            self._publish(header, score)
        published = time.perf_counter()
        age = age_of(header.stamp_ns, self._node.get_clock().now().nanoseconds)
        self._counters.note_published()
        if age.problem and header.stamp_ns != UNSTAMPED_NS:
            self._counters.note_without_age(age.problem)
        stages_ms = {
            "receive": frame.receive_ms,
            "wait": (started - frame.received_at) * 1e3,
            "decode": (decoded - started) * 1e3,
            **detection.timings_ms,
            "publish": (published - detected) * 1e3,
            "total": (published - frame.received_at) * 1e3 + frame.receive_ms,
        }
        self._levels.note_frame(stages_ms["total"], parameters.deadline_rules)
        self.latencies.add({**stages_ms, "age": age.ms})
        if parameters.publish_latency:
            self._publishers.publish_latency(header, stages_ms, age)
        frame = self._calibrated(frame)
        self._publish_camera_info(frame, score, parameters)
        self.latencies.add(self._obstacles.publish(frame, detection, parameters))
        if wants_overlay or self._publishers.wants_segmentation(parameters):
            whole = image if wants_overlay else None
            self._visualization.offer(Picture(header, whole, detection, self._threshold(parameters)))
        if parameters.drift_window_s > 0.0:
            self._monitor.add(time.monotonic(), detector.network_image, detector.network_detection)

    def _on_frame_error(self, frame: Frame, error: Exception) -> None:
        if not self._node.context.ok():  # Ctrl-C ends it, and with it every publisher, under the frame in work
            return
        with self._guard.publish() as is_ours:
            if is_ours and isinstance(error, ImageError):
                self._counters.note_bad(str(error))
                self._logger.warning(f"bad image dropped: {error}", throttle_duration_sec=1.0)
            elif is_ours:
                self._counters.note_failed(describe_error(error))
                self._publish_unknown(frame)
        if not self._guard.is_given_up and not isinstance(error, ImageError):
            self._logger.error(f"frame dropped: {describe_error(error)}", throttle_duration_sec=1.0)

    def _is_stale(self, header: FrameHeader) -> bool:
        if header.stamp_ns == UNSTAMPED_NS:
            self._counters.note_unstamped()
        restarts = self._order.restarts
        reason = self._order.refusal(header.stamp_ns, time.monotonic())
        if self._order.restarts > restarts:
            self._counters.note_stamp_restart()
        if reason:
            self._counters.note_stale(reason)
        return bool(reason)

    def _publish(self, header: FrameHeader, score: ScoreMap) -> None:
        self._order.note_published(header.stamp_ns)
        self._publishers.publish_heatmap(header, score)

    def _publish_unknown(self, frame: Frame) -> None:
        """Where that is asked for, publish ones for a frame that gets no other heatmap; the caller may publish it."""
        parameters = self._settings.current
        if not parameters.publish_on_failure:
            return
        try:
            is_large = parameters.heatmap_size == "image"
            size = frame.image.size()
            score = np.ones(size if is_large else self._levels.current.score_size_of(*size), np.float32)
            self._publish(frame.image.header, score)
            frame = self._calibrated(frame)
            self._publish_camera_info(frame, score, parameters)
            self._obstacles.publish_unknown(frame, self._levels.current.score_size_of(*size), parameters)
        except Exception as error:  # publishing may fail in many ways while the node shuts down; the thread goes on
            self._logger.error(f"no heatmap for a failed frame: {describe_error(error)}", throttle_duration_sec=1.0)
            return
        self._counters.note_unknown()

    def _calibrated(self, frame: Frame) -> Frame:
        """Take the calibration away from a frame that it does not fit: nothing may be placed or published by it."""
        info = frame.camera_info
        if info is None or self._calibration.fits(info, frame.image.header, *frame.image.size()):
            return frame
        return replace(frame, camera_info=None)

    def _publish_camera_info(self, frame: Frame, score: ScoreMap, parameters: DetectorParameters) -> None:
        if parameters.publish_camera_info and frame.camera_info is not None:
            height, width = frame.image.size()
            scale_y, scale_x = score.shape[0] / height, score.shape[1] / width
            self._publishers.publish_camera_info(frame.image.header, frame.camera_info, scale_y, scale_x)

    def _threshold(self, parameters: DetectorParameters) -> float:
        """Return the threshold in force, in [0, 1]."""
        return self._obstacles.threshold(parameters)

    # --- on the visualization thread ---

    def _paint(self, picture: Picture) -> None:
        self._publishers.publish_pictures(picture, self._settings.current)

    def _on_picture_error(self, picture: Picture, error: Exception) -> None:
        if self._node.context.ok():
            self._logger.error(f"picture dropped: {describe_error(error)}", throttle_duration_sec=1.0)
