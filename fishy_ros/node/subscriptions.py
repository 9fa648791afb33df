"""Subscribe to a camera: its images, raw or compressed, and its calibration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fishy_ros.errors import ImageError
from fishy_ros.node.calibration import calibration_topic
from fishy_ros.node.compat import with_info
from fishy_ros.node.conversions import CameraImage, CompressedCameraImage, RawImage
from fishy_ros.node.qos import QosMismatches
from fishy_ros.node.silence import describe_silence, describe_topics
from fishy_ros.node.stamps import time_in_middleware_ms
from fishy_ros.node.state import DetectorState

_IMAGES: dict[str, tuple[str, type, type[RawImage] | type[CompressedCameraImage]]] = {
    "raw": ("image", Image, RawImage),
    "compressed": ("image/compressed", CompressedImage, CompressedCameraImage),
}

_RELIABILITIES = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}
_GREY_WORDS = (
    "is compressed as grey, though its camera has colors (image_transport cannot compress YUV); use raw images"
)
_DEPTH_WORDS = "is encoded as depth cameras publish distances (REP 118); expected a color or grey camera"

QUEUE_DEPTH: int = 5
"""Images that the middleware keeps for us, as the sensor-data profile of ROS 2 has it."""
REMEMBERED_S: float = 2.0
"""For at least so long one unreadable calibration among good ones is named, so that diagnostics show it."""


def topic_of(image_transport: str) -> str:
    """Return the topic, before it is remapped, that images of a transport come on."""
    return _IMAGES[image_transport][0]


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


class CameraSubscriptions:
    """Hand the newest image to `on_frame`, and count what does not get there.

    Where the executor was late, several images wait in the middleware: all but the newest are dropped as overtaken.
    (With a queue of one they would be lost without a trace.) What did not fit into the queue, or never arrived, is
    missing from the numbers of the messages.

    Messages are taken in serialised form: an exception while rclpy deserialises one would block the
    subscription for good, and an image costs two copies less.
    """

    def __init__(self, state: DetectorState, on_frame: Callable[[Frame], None]) -> None:
        """Subscribe by the transport of the parameters; the gaps of `state` know images of an earlier subscription.

        The calibration is expected beside the images, wherever they were remapped to, unless it is remapped itself.
        """
        self._node = state.node
        self._counters, self._gaps = state.counters, state.gaps
        self._on_frame = on_frame
        self._camera_info: CameraInfo | None = None
        self._unreadable = ""
        self._unreadable_at = 0.0
        self._mismatches = QosMismatches(state.node)
        topic, message_type, self._image_class = _IMAGES[state.parameters.image_transport]
        self._group = MutuallyExclusiveCallbackGroup()
        self._is_depth = self._has_lost_colors = False
        self._images = self._subscribe(
            message_type, topic, with_info(self._on_image), QUEUE_DEPTH, _RELIABILITIES[state.parameters.reliability]
        )
        self._calibrations = self._subscribe(CameraInfo, calibration_topic(state.node, topic), self._on_camera_info, 1)
        self._transport = state.parameters.image_transport
        topics = [self._images.topic_name, self._calibrations.topic_name]
        self._node.get_logger().info(f"listening to {describe_topics(self._node, topics)}")

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps publishers from being heard, one line a topic."""
        cameras = self._count_cameras()
        crowd = (f"{cameras} publishers share {self._images.topic_name}; expected one camera",) if cameras > 1 else ()
        states = {_DEPTH_WORDS: self._is_depth, _GREY_WORDS: self._has_lost_colors}
        odd = tuple(f"{self._images.topic_name} {words}" for words, holds in states.items() if holds)
        return (*filter(None, [self._unreadable]), *self._mismatches.problems, *crowd, *odd)

    def silence(self) -> str:
        """Say what keeps images from coming, as far as the graph knows."""
        return describe_silence(self._node, self._images.topic_name, self._transport, self._counters.totals().lost)

    def destroy(self) -> None:
        """Unsubscribe."""
        for subscription in (self._images, self._calibrations):
            self._node.destroy_subscription(subscription)

    def _subscribe(
        self,
        message_type: type,
        topic: str,
        callback: Callable[..., None],
        depth: int,
        reliability: ReliabilityPolicy = ReliabilityPolicy.BEST_EFFORT,
    ) -> Subscription:
        newest = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability)
        events = self._mismatches.of_subscription(topic)
        return self._node.create_subscription(
            message_type, topic, callback, newest, callback_group=self._group, event_callbacks=events, raw=True
        )

    def _on_image(self, message: bytes, info: Mapping[str, int]) -> None:
        self._count_lost(info)
        while (newer := self._take_waiting()) is not None:
            self._counters.note_received()
            self._counters.note_overtaken()
            message, info = newer
            self._count_lost(info)
        received_at = time.perf_counter()
        receive_ms = time_in_middleware_ms(info)
        try:
            image = self._image_class.deserialize(message)
        except ImageError as error:
            self._counters.note_received()
            self._counters.note_bad(str(error))
            self._node.get_logger().warning(f"bad image dropped: {error}", throttle_duration_sec=1.0)
            return
        self._is_depth, self._has_lost_colors = image.is_depth, image.has_lost_colors
        self._on_frame(Frame(image, receive_ms, received_at, self._camera_info))

    def _count_lost(self, info: Mapping[str, int]) -> None:
        lost = self._gaps.lost_before(info.get("publication_sequence_number"), self._count_cameras())
        if lost:
            self._counters.note_lost(lost)

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
