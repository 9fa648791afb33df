"""Subscribe to a camera: its images, raw or compressed, and its calibration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fishy_ros.errors import ImageError
from fishy_ros.node.distributions import with_info
from fishy_ros.node.image_messages import CompressedCameraImage, RawImage
from fishy_ros.node.latency import time_in_middleware_ms
from fishy_ros.node.pipeline import Frame
from fishy_ros.node.qos_mismatches import QosMismatches
from fishy_ros.node.sequence_gaps import SequenceGaps

_IMAGES: dict[str, tuple[str, type, type[RawImage] | type[CompressedCameraImage]]] = {
    "raw": ("image", Image, RawImage),
    "compressed": ("image/compressed", CompressedImage, CompressedCameraImage),
}

QUEUE_DEPTH: int = 5
"""Images that the middleware keeps for us, as the sensor-data profile of ROS 2 has it."""
REMEMBERED_S: float = 2.0
"""For at least so long one unreadable calibration among good ones is named, so that diagnostics show it."""


class CameraSubscriptions:
    """Hand the newest image to `on_frame`, and what is no image to `on_bad`.

    Where the executor was late, several images wait in the middleware: all but the newest are counted by
    `on_overtaken` and dropped. (With a queue of one they would be lost without a trace.) What did not fit into the
    queue, or never arrived, is missing from the numbers of the messages and counted by `on_lost`.

    Messages are taken in serialised form: an exception while rclpy deserialises one would block the
    subscription for good, and an image costs two copies less.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        gaps: SequenceGaps,
        on_frame: Callable[[Frame], None],
        on_overtaken: Callable[[], None],
        on_lost: Callable[[int], None],
        on_bad: Callable[[str], None],
    ) -> None:
        """Subscribe; `transport` is `raw` or `compressed`, `gaps` knows the images of an earlier subscription."""
        self._node = node
        self._on_frame = on_frame
        self._on_overtaken = on_overtaken
        self._on_lost = on_lost
        self._on_bad = on_bad
        self._camera_info: CameraInfo | None = None
        self._unreadable = ""
        self._unreadable_at = 0.0
        self._mismatches = QosMismatches(node)
        self._gaps = gaps
        topic, message_type, self._image_class = _IMAGES[transport]
        self._group = MutuallyExclusiveCallbackGroup()
        self._images = self._subscribe(message_type, topic, with_info(self._on_image), QUEUE_DEPTH)
        self._calibrations = self._subscribe(CameraInfo, "camera_info", self._on_camera_info, 1)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps publishers from being heard, one line a topic."""
        cameras = self._count_cameras()
        crowd = (f"{cameras} publishers share {self._images.topic_name}; expected one camera",) if cameras > 1 else ()
        return (*filter(None, [self._unreadable]), *self._mismatches.problems, *crowd)

    def destroy(self) -> None:
        """Unsubscribe."""
        for subscription in (self._images, self._calibrations):
            self._node.destroy_subscription(subscription)

    def _subscribe(self, message_type: type, topic: str, callback: Callable[..., None], depth: int) -> Subscription:
        newest = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)
        events = self._mismatches.of_subscription(topic)
        return self._node.create_subscription(
            message_type, topic, callback, newest, callback_group=self._group, event_callbacks=events, raw=True
        )

    def _on_image(self, message: bytes, info: Mapping[str, int]) -> None:
        self._count_lost(info)
        while (newer := self._take_waiting()) is not None:
            self._on_overtaken()
            message, info = newer
            self._count_lost(info)
        received_at = time.perf_counter()
        receive_ms = time_in_middleware_ms(info)
        try:
            image = self._image_class.deserialize(message)
        except ImageError as error:
            self._on_bad(str(error))
            return
        self._on_frame(Frame(image, receive_ms, received_at, self._camera_info))

    def _count_lost(self, info: Mapping[str, int]) -> None:
        lost = self._gaps.lost_before(info.get("publication_sequence_number"), self._count_cameras())
        if lost:
            self._on_lost(lost)

    def _count_cameras(self) -> int:
        return int(self._node.count_publishers(self._images.topic_name))

    def _take_waiting(self) -> tuple[bytes, Mapping[str, int]] | None:
        handle = self._images.handle
        with handle:
            taken: tuple[bytes, Mapping[str, int]] | None = handle.take_message(self._images.msg_type, True)
        return taken

    def _on_camera_info(self, message: bytes) -> None:
        try:
            self._camera_info = deserialize_message(message, CameraInfo)
        except Exception as error:  # the bindings raise classes of their own
            self._unreadable, self._unreadable_at = f"a camera_info cannot be read: {error}", time.monotonic()
        else:
            if time.monotonic() - self._unreadable_at > REMEMBERED_S:
                self._unreadable = ""
