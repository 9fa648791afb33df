"""Read the frames of one camera from a rosbag2 bag, with the ground truth that belongs to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fishy_ros.bags.frame import BagFrame
from fishy_ros.bags.messages import MessageHeader, read_header, with_stamp
from fishy_ros.bags.storage import BagStorage
from fishy_ros.bags.topics import (
    CAMERA_INFO_TYPE,
    IMAGE_TYPE,
    LABELS_TOPIC,
    Topic,
    choose_image_topic,
    describe_topics,
)
from fishy_ros.closing import Closing
from fishy_ros.errors import BagError
from fishy_ros.topics import camera_info_topic


class BagReader(Closing):
    """Iterate over the frames of a camera in the order in which they were recorded; a context manager.

    Labels belong to the image with the same stamp, wherever they lie in the bag. Iterating again starts anew.
    Messages without a stamp (0) count as stamped with the time of recording.
    """

    def __init__(self, path: Path | str, image_topic: str | None = None, labels_topic: str = LABELS_TOPIC) -> None:
        """Open a bag, folder or file, and choose its camera.

        Raises:
            BagError: there is no bag, it is damaged, holds no frames, or lacks the topic; or several cameras
                are in it and `image_topic` names none.
        """
        self._storage = BagStorage(path)
        self.warnings: tuple[str, ...] = self._storage.warnings
        """What a reader of the bag has to know, such as files in a guessed order."""
        try:
            topics = self._storage.topics
            self.image_topic: Topic = choose_image_topic(topics, image_topic, labels_topic, str(path))
            """The topic of the camera that is read."""
            self.labels_topic: Topic | None = _topic_of_type(topics, labels_topic, IMAGE_TYPE, str(path))
            """The topic of the ground truth, or None where the bag has none."""
            info_topic = camera_info_topic(self.image_topic.name)
            self._info_topic = _topic_of_type(topics, info_topic, CAMERA_INFO_TYPE, str(path))
            # A second handle: looking labels up must not disturb the running iteration over images.
            self._lookup = self._storage.second_handle()
        except BaseException:
            self._storage.close()
            raise
        self._label_times: dict[int, int] | None = None

    def __len__(self) -> int:
        """Count the frames of the camera."""
        return self.image_topic.count

    def __iter__(self) -> Iterator[BagFrame]:
        """Yield the frames.

        Raises:
            BagError: the bag is damaged.
        """
        info = self._first_camera_info()
        for index, (log_time_ns, message) in enumerate(self._storage.messages(self.image_topic.name)):
            header, problem = _header_of(message)
            stamp_ns = header.stamp_ns or log_time_ns
            yield BagFrame(
                index=index,
                stamp_ns=stamp_ns,
                log_time_ns=log_time_ns,
                frame_id=header.frame_id,
                message_type=self.image_topic.type,
                message=message if header.stamp_ns or problem else with_stamp(message, stamp_ns),
                problem=problem,
                labels_message=self._find_labels(stamp_ns, log_time_ns),
                camera_info_message=None if info is None else with_stamp(info, stamp_ns),
                stamped=header.stamp_ns != 0,
            )

    def close(self) -> None:
        """Close the files."""
        self._lookup.close()
        self._storage.close()

    def _first_camera_info(self) -> bytes | None:
        if self._info_topic is None:
            return None
        found = (message for _, message in self._lookup.messages(self._info_topic.name))
        return next((message for message in found if not _header_of(message)[1]), None)

    def _find_labels(self, stamp_ns: int, log_time_ns: int) -> bytes | None:
        if self.labels_topic is None:
            return None
        found = self._labels_recorded_at(log_time_ns, stamp_ns)
        if found is not None:
            return found
        if self._label_times is None:
            self._label_times = self._index_labels(self.labels_topic)
        time_ns = self._label_times.get(stamp_ns)
        return None if time_ns is None else self._labels_recorded_at(time_ns, stamp_ns)

    def _labels_recorded_at(self, log_time_ns: int, stamp_ns: int) -> bytes | None:
        assert self.labels_topic is not None
        for time_ns, message in self._lookup.messages(self.labels_topic.name, log_time_ns):
            if (_header_of(message)[0].stamp_ns or time_ns) == stamp_ns:
                return message
        return None

    def _index_labels(self, topic: Topic) -> dict[int, int]:
        """Map the stamp of every label message to its time of recording; reads them all once."""
        return {
            _header_of(message)[0].stamp_ns or time_ns: time_ns
            for time_ns, message in self._lookup.messages(topic.name)
        }


def _header_of(message: bytes) -> tuple[MessageHeader, str]:
    """Read the header of a message, or say why it has none; one torn message is not a torn bag."""
    try:
        return read_header(message), ""
    except BagError as error:
        return MessageHeader(0, ""), str(error)


def _topic_of_type(topics: dict[str, Topic], name: str, message_type: str, where: str) -> Topic | None:
    topic = topics.get(name)
    if topic is not None and topic.type != message_type:
        raise BagError(f"{where}: expected {name} to hold {message_type}; {describe_topics({name: topic})}")
    return topic
