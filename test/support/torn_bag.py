"""Bags of which some images are torn, empty or no messages at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer

from fishy_ros.bags.messages import compressed_image_message, image_message, typestore
from fishy_ros.bags.topics import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from fishy_ros.datasets.base import Dataset

PERIOD_NS = 100_000_000


def torn_jpeg(message: bytes) -> bytes:
    """Cut the second half of the JPEG off, and tell the length of what is left."""
    start = message.index(b"\xff\xd8\xff")
    kept = (len(message) - start) // 2
    return message[: start - 4] + kept.to_bytes(4, "little") + message[start : start + kept]


def empty_jpeg(message: bytes) -> bytes:
    """Leave out all of the JPEG."""
    return message[: message.index(b"\xff\xd8\xff") - 4] + bytes(4)


DAMAGES = {
    "torn": torn_jpeg,
    "empty": empty_jpeg,
    "no message": lambda message: b"",
    "noise": lambda message: b"\1" * 40,
}


def write_torn_bag(path: Path, street: Dataset, damages: Mapping[int, str]) -> Path:
    """Write the street as a bag of JPEGs with ground truth, with one of `DAMAGES` for some frames."""
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        images = writer.add_connection("/camera/image_raw/compressed", COMPRESSED_IMAGE_TYPE, typestore=typestore())
        labels = writer.add_connection("/ground_truth/labels", IMAGE_TYPE, typestore=typestore())
        for index, sample in enumerate(street):
            stamp_ns = 10_000_000_000 + index * PERIOD_NS
            message = compressed_image_message(sample.image, "jpeg", 95, stamp_ns, "camera")
            damage = DAMAGES[damages[index]] if index in damages else bytes
            writer.write(images, stamp_ns, damage(message))
            writer.write(labels, stamp_ns, image_message(np.asarray(sample.labels), "mono8", stamp_ns, "camera"))
    return path
