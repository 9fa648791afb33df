"""Names of the topics and message types in a bag, and the choice of a camera among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fishy_ros.errors import BagError
from fishy_ros.topics import base_topic, transport_of

IMAGE_TOPIC = "/camera/image_raw"
COMPRESSED_IMAGE_TOPIC = "/camera/image_raw/compressed"
CAMERA_INFO_TOPIC = "/camera/camera_info"
LABELS_TOPIC = "/ground_truth/labels"

IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"

IMAGE_TYPES: frozenset[str] = frozenset({IMAGE_TYPE, COMPRESSED_IMAGE_TYPE})


VIDEO_TYPES: frozenset[str] = frozenset(
    {
        "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
        "foxglove_msgs/msg/CompressedVideo",
        "theora_image_transport/msg/Packet",
    }
)
"""Types of messages that are packets of a video: most are no image without those before them."""


@dataclass(frozen=True)
class Topic:
    """A topic of a bag with its message type and number of messages."""

    name: str
    type: str
    count: int

    def __str__(self) -> str:
        return f"{self.name} ({self.type}, {self.count} messages)"


def choose_image_topic(topics: Mapping[str, Topic], wanted: str | None, labels_topic: str, where: str) -> Topic:
    """Choose the camera to read.

    With `wanted`, that topic, or its `/compressed` companion where only that was recorded. Without, the
    only camera of the bag: a raw topic and its compressed companion count as one, and the raw one is taken.

    Raises:
        BagError: there is no such topic, it holds no images, or the choice is ambiguous; `where` names the bag.
    """
    cameras = {
        name: topic
        for name, topic in topics.items()
        if topic.type in IMAGE_TYPES
        and topic.count > 0
        and name != labels_topic
        # Distances are no pictures, and neither are messages of other plug-ins of image_transport.
        and (transport_of(name) in ("", "compressed") or name == wanted)
    }
    if wanted is not None:
        return _wanted_topic(topics, cameras, wanted, where)
    distinct = {
        name: topic for name, topic in cameras.items() if name == base_topic(name) or base_topic(name) not in cameras
    }
    if not distinct:
        advice = _video_advice(topics)
        raise BagError(f"{where}: no topic with camera images ({IMAGE_TYPE}); {describe_topics(topics)}{advice}")
    if IMAGE_TOPIC in distinct:
        return distinct[IMAGE_TOPIC]
    if len(distinct) > 1:
        raise BagError(f"{where}: several cameras; choose one with --image-topic: {_list_topics(distinct)}")
    return next(iter(distinct.values()))


def _video_advice(topics: Mapping[str, Topic]) -> str:
    """Say what to do with packets of a video, which are no images by themselves."""
    video = next((topic for topic in topics.values() if topic.type in VIDEO_TYPES), None)
    if video is None:
        return ""
    return (
        f"; {video.name} holds a video: play the bag through `ros2 run image_transport republish` (or the node of its "
        "driver that decodes it), and record what comes out"
    )


def describe_topics(topics: Mapping[str, Topic]) -> str:
    """Say which topics a bag has, for error messages."""
    return f"it has {_list_topics(topics)}" if topics else "it has no topics"


def _wanted_topic(topics: Mapping[str, Topic], cameras: Mapping[str, Topic], wanted: str, where: str) -> Topic:
    for name in (wanted, f"{wanted}/compressed"):
        if name in cameras:
            return cameras[name]
    if wanted in topics and topics[wanted].type not in IMAGE_TYPES:
        raise BagError(f"{where}: {topics[wanted]} holds no images; {describe_topics(cameras)}")
    raise BagError(f"{where}: no images on {wanted}; {describe_topics(topics)}")


def _list_topics(topics: Mapping[str, Topic]) -> str:
    return ", ".join(str(topic) for topic in topics.values())
