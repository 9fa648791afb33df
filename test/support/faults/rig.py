"""A live detector with a camera that keeps playing while faults are put in and heatmaps are checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from visualization_msgs.msg import MarkerArray

from fishy_ros.detector import AnomalyDetector
from fishy_ros.model_package import ModelPackage
from support.detector_bench import CAMERA, EVERYTHING, LIMIT_S, DetectorBench, values_of
from support.faults.audit import FOCAL_PX, Heard, wrong_publications
from support.faults.camera import DEFAULT_SIZE, Camera, SentFrame, picture_of, take_picture

PUBLISHED = {"heatmap": Image, "mask": Image, "obstacles": PointCloud2}
"""Everything that is judged; `~/markers` is listened to besides, for the work that it makes."""
COPY_GAP_S = 0.03
"""Between pictures of one stamp: the node takes the first before the second comes, which would only overtake it."""


class FaultRig:
    """Owns the bench; plays `camera` whenever it waits."""

    def __init__(self, bench: DetectorBench, package: ModelPackage, camera: Camera | None = None) -> None:
        self.bench = bench
        self.camera = camera or Camera()
        self.extra_publishers: list[Any] = []
        """Cameras that take turns with the first one."""
        self.has_camera_process = False
        """Whether a process of its own sends pictures too; see `camera_process`."""
        self.came: dict[str, list[Heard]] = {name: [] for name in PUBLISHED}
        self.sent: list[SentFrame] = []
        self._by_stamp: dict[int, list[SentFrame]] = {}
        self._said_at: list[float] = []
        self._reference = AnomalyDetector(package, "onnxruntime", threads=1)
        self._next_due = 0.0
        for name, kind in PUBLISHED.items():
            bench.node.create_subscription(kind, f"{bench.name}/{name}", partial(self._on_message, name), EVERYTHING)
        bench.node.create_subscription(MarkerArray, f"{bench.name}/markers", lambda message: None, EVERYTHING)

    @property
    def heard(self) -> list[Heard]:
        """The heatmaps that came."""
        return self.came["heatmap"]

    @property
    def publisher(self) -> Any:
        """The publisher whose turn it is."""
        turn = len(self.sent) % (1 + len(self.extra_publishers))
        if turn:
            return self.extra_publishers[turn - 1]
        return self.bench.compressed if self.camera.is_compressed else self.bench.image

    def play(self, seconds: float) -> None:
        """Play for some time."""
        self._play(lambda: False, seconds)

    def play_until(self, is_done: Callable[[], Any], what: str, timeout_s: float = LIMIT_S) -> float:
        """Play until `is_done`; returns the monotonic time then, and fails with the node's log after `timeout_s`."""
        assert self._play(is_done, timeout_s), f"waited {timeout_s} s for {what}:\n{self.bench.log()}"
        return time.monotonic()

    def settle(self) -> None:
        """Stop the camera and wait until the newest frame is answered, so that none is under way any more."""
        self.camera.is_on = False
        self.play_until(
            lambda: not self.sent or (self.heard and self.heard[-1].stamp_ns == self.sent[-1].stamp_ns),
            "the heatmap of the newest frame",
        )

    def await_counts(self, is_it: Callable[[dict[str, str]], bool], what: str) -> dict[str, str]:
        """Play until a new status has values that `is_it` accepts, each shown once; returns them."""
        statuses, shown = self.bench.diagnostics, len(self.bench.diagnostics)
        found: list[dict[str, str]] = []

        def is_found() -> bool:
            nonlocal shown
            while not found and shown < len(statuses):
                shown += 1
                values = values_of(statuses[shown - 1])
                found.extend([values] if is_it(values) else [])
            return bool(found)

        self.play_until(is_found, what)
        return found[0]

    def play_until_heatmap(self, since: float, what: str, timeout_s: float = LIMIT_S) -> Heard:
        """Play until the heatmap of a frame that was sent after `since` is here."""

        def answers() -> list[Heard]:
            return [one for one in self.heard[-50:] if any(f.at >= since for f in self.frames_of(one.stamp_ns))]

        self.play_until(answers, what, timeout_s)
        return answers()[0]

    def await_status(
        self, is_it: Callable[[DiagnosticStatus], bool], what: str, after: int | None = None, timeout_s: float = LIMIT_S
    ) -> float:
        """Play until a status is one that `is_it` accepts; returns the monotonic time at which it came.

        Only those after the first `after` count, by default those that are still to come.
        """
        statuses = self.bench.diagnostics
        start = len(statuses) if after is None else after

        def accepted() -> list[int]:
            return [index for index in range(start, len(self._said_at)) if is_it(statuses[index])]

        self.play_until(accepted, f"diagnostics: {what}", timeout_s)
        return self._said_at[accepted()[0]]

    def send(self) -> None:
        """Send the camera's next picture now, as often as it sends each."""
        stamp_ns = self.camera.clock()
        for copy in range(self.camera.copies):
            if copy:
                time.sleep(COPY_GAP_S)
            message, frame = take_picture(self.camera, stamp_ns, len(self._by_stamp.get(stamp_ns, ())))
            publisher = self.publisher
            self.sent.append(frame)
            if not self.camera.is_bright:
                self._by_stamp.setdefault(stamp_ns, []).append(frame)
            self.bench.camera_info.publish(calibration_of(message.header, frame))
            publisher.publish(message)

    def frames_of(self, stamp_ns: int) -> Sequence[SentFrame]:
        """Return the good frames that had a stamp."""
        ours = self._by_stamp.get(stamp_ns, [])
        if ours or not self.has_camera_process:
            return ours
        at = time.monotonic() - (time.time_ns() - stamp_ns) * 1e-9
        return [SentFrame(stamp_ns, picture_of(stamp_ns, DEFAULT_SIZE), "camera", at)]

    def send_bytes(self, messages: Sequence[bytes], publisher: Any = None, pause_s: float = 0.01) -> None:
        """Send serialised messages as they are, playing in between."""
        for message in messages:
            (publisher or self.publisher).publish(message)
            self.play(pause_s)

    def replace_camera(self) -> None:
        """Take the camera off the bus and put a new one in its place."""
        name = "compressed" if self.camera.is_compressed else "image"
        message_type, topic = (CompressedImage, "image/compressed") if self.camera.is_compressed else (Image, "image")
        self.bench.node.destroy_publisher(getattr(self.bench, name))
        setattr(self.bench, name, self.bench.node.create_publisher(message_type, topic, CAMERA))

    def wrong_since(self, before: Mapping[str, int], clock_steps_back: int) -> list[str]:
        """Name the wrong ones among what came after the first so many of each kind; see `counts`."""
        wrong = []
        known: dict[int, tuple[Any, Any]] = {}  # with the image, so that no other has its id

        def score(image: Any) -> Any:
            if id(image) not in known:
                known[id(image)] = (image, self._reference.detect(image).score)
            return known[id(image)][1]

        for name, count in before.items():
            came = self.came[name]
            last = came[count - 1].stamp_ns if count else None
            wrong += wrong_publications(came[count:], self.frames_of, score, last, clock_steps_back, name)
        return wrong

    def has_regions_since(self, at: float) -> bool:
        """Say whether a mask has come since a monotonic time, and the points of its regions if it has any.

        A camera that has changed its size is first answered without points: the calibration comes on its own topic.
        """
        masks, clouds = ([one for one in self.came[name][-50:] if one.at >= at] for name in ("mask", "obstacles"))
        if any(not any(one.message.data) for one in masks):
            return bool(clouds)
        return bool(masks) and any(one.message.width for one in clouds)

    def counts(self) -> dict[str, int]:
        """Return how many messages of each kind have come so far."""
        return {name: len(came) for name, came in self.came.items()}

    def close(self) -> None:
        """Stop the node, whatever state it is in."""
        self._reference.close()
        self.bench.close()

    def _on_message(self, name: str, message: Any) -> None:
        self.came[name].append(Heard(message, time.monotonic()))

    def _play(self, is_done: Callable[[], Any], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not is_done():
            now = time.monotonic()
            if now >= deadline:
                return False
            if self.camera.is_on and now >= self._next_due:
                self.send()
                self._next_due = max(self._next_due + 1.0 / self.camera.rate_hz, now)
            pause = min(0.02, deadline - now, max(0.0, self._next_due - now) if self.camera.is_on else 0.02)
            self.bench.spin_once(pause)
            self._said_at += [time.monotonic()] * (len(self.bench.diagnostics) - len(self._said_at))
        return True


def calibration_of(header: Any, frame: SentFrame) -> CameraInfo:
    """Describe a camera that looks at the road and has taken a picture."""
    height, width = frame.image.shape[:2]
    matrix = [FOCAL_PX, 0.0, (width - 1) / 2, 0.0, FOCAL_PX, height / 4, 0.0, 0.0, 1.0]
    return CameraInfo(header=header, height=height, width=width, distortion_model="plumb_bob", k=matrix)
