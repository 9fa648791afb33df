"""Recordings of other systems are named for what they are, with the way to convert them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.typesys import Stores, get_typestore

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.errors import BagError
from fishy_ros.types import Sample


def record(opcode: int, content: bytes) -> bytes:
    return struct.pack("<BQ", opcode, len(content)) + content


def text(value: str) -> bytes:
    return struct.pack("<I", len(value)) + value.encode()


def mcap(profile: str, encoding: str, schema: str, schema_encoding: str) -> bytes:
    """Write an MCAP file of one channel without messages, after the MCAP specification."""
    head = b"\x89MCAP0\r\n" + record(1, text(profile) + text("somebody"))
    described = record(3, struct.pack("<H", 1) + text(schema) + text(schema_encoding) + text(""))
    channel = record(4, struct.pack("<HH", 1, 1) + text("/camera") + text(encoding) + struct.pack("<I", 0))
    data = described + channel + record(15, bytes(4))
    footer = record(2, struct.pack("<QQI", len(head) + len(data), 0, 0))
    return head + data + described + channel + footer + b"\x89MCAP0\r\n"


def ros1_bag(path: Path) -> Path:
    store = get_typestore(Stores.ROS1_NOETIC)
    with Ros1Writer(path) as writer:
        connection = writer.add_connection("/chatter", "std_msgs/msg/String", typestore=store)
        message = store.types["std_msgs/msg/String"]("hello")
        writer.write(connection, 1, store.serialize_ros1(message, "std_msgs/msg/String"))
    return path


@pytest.mark.parametrize("name", ["drive.bag", "drive.mcap", "drive.db3"])
def test_a_ros_1_bag_is_named_with_its_converter(tmp_path, name):
    path = ros1_bag(tmp_path / "drive.bag").rename(tmp_path / name)
    with pytest.raises(BagError, match=r"is a ROS 1 bag; convert it: .*rosbags-convert --src") as caught:
        BagReader(path)
    assert "mcap recover" not in str(caught.value)


def test_a_folder_with_a_ros_1_bag_says_so(tmp_path):
    ros1_bag(tmp_path / "drive.bag")
    with pytest.raises(BagError, match=r"drive\.bag is a ROS 1 bag; convert it"):
        BagReader(tmp_path)


def test_a_ros_1_bag_that_was_not_finished_is_to_be_reindexed(tmp_path):
    path = ros1_bag(tmp_path / "drive.bag").rename(tmp_path / "drive.bag.active")
    with pytest.raises(BagError, match="rosbag reindex"):
        BagReader(path)


@pytest.mark.parametrize(
    ("profile", "encoding", "schema", "named"),
    [
        ("ros1", "ros1", "sensor_msgs/Image", r"profile 'ros1', recorded by ROS 1; convert the \.bag"),
        ("", "protobuf", "foxglove.CompressedImage", r"without a profile with messages in protobuf \(foxglove\.Compr"),
        ("", "json", "foxglove.RawImage", r"without a profile with messages in json"),
        ("px4", "cdr", "px4_msgs/msg/Vehicle", r"of the profile 'px4' with messages in cdr"),
        ("", "flatbuffer", "foxglove.CompressedImage", "without a profile with messages in flatbuffer"),
    ],
)
def test_an_mcap_file_of_another_profile_is_named(tmp_path, profile, encoding, schema, named):
    path = tmp_path / "drive.mcap"
    path.write_bytes(mcap(profile, encoding, schema, "protobuf"))
    with pytest.raises(BagError, match=named) as caught:
        BagReader(path)
    assert "mcap recover" not in str(caught.value)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_file_of_the_wrong_ending_is_told_the_right_one(tmp_path, storage):
    with BagWriter(tmp_path / "bag", storage=storage) as writer:
        writer.write(Sample("a", np.zeros((8, 8, 3), np.uint8)), 10)
    suffix, other = (".mcap", ".db3") if storage == "mcap" else (".db3", ".mcap")
    (file,) = (tmp_path / "bag").glob(f"*{suffix}")
    with pytest.raises(BagError, match=rf"by its contents; rename it to end in \{suffix}"):
        BagReader(file.rename(tmp_path / f"a{other}"))
