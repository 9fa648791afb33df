"""Bags written here hold exactly what was given, for this package's reader and for `rosbags` itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.errors import BagError, ConfigError
from fishy_ros.types import Sample

FORMATS = [
    (storage, image_format, compression)
    for storage in ("mcap", "sqlite3")
    for image_format in ("raw", "png", "jpeg")
    for compression in (None, "zstd")
]


def _samples(count: int, height: int = 37, width: int = 53, seed: int = 0) -> list[Sample]:
    random = np.random.default_rng(seed)
    return [
        Sample(
            str(index),
            random.integers(0, 256, (height, width, 3), np.uint8),
            random.choice(np.array([0, 1, 255], np.uint8), (height, width)),
        )
        for index in range(count)
    ]


@pytest.mark.parametrize(("storage", "image_format", "compression"), FORMATS)
def test_rosbags_reads_back_the_same_bits(tmp_path, storage, image_format, compression):
    samples = _samples(4)
    stamps = [1_700_000_000_123_456_789 + index * 99_999_999 for index in range(4)]
    with BagWriter(tmp_path / "bag", storage, image_format, compression) as writer:
        for sample, stamp in zip(samples, stamps, strict=True):
            writer.write(sample, stamp)

    seen: dict[str, list] = {}
    with AnyReader([tmp_path / "bag"]) as reader:
        for connection, time_ns, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            assert message.header.stamp.sec * 10**9 + message.header.stamp.nanosec == time_ns
            assert message.header.frame_id == "camera"
            seen.setdefault(connection.topic, []).append((time_ns, message))

    image_topic = "/camera/image_raw" if image_format == "raw" else "/camera/image_raw/compressed"
    assert set(seen) == {image_topic, "/camera/camera_info", "/ground_truth/labels"}
    assert all([time for time, _ in messages] == stamps for messages in seen.values())
    for sample, (_, labels), (_, info) in zip(
        samples, seen["/ground_truth/labels"], seen["/camera/camera_info"], strict=True
    ):
        assert (labels.encoding, labels.height, labels.width, labels.step) == ("mono8", 37, 53, 53)
        np.testing.assert_array_equal(labels.data.reshape(37, 53), sample.labels)
        assert (info.height, info.width) == (37, 53)
        assert not info.k.any(), "an unknown camera must not claim a calibration"
    for sample, (_, image) in zip(samples, seen[image_topic], strict=True):
        if image_format == "raw":
            assert (image.encoding, image.height, image.width, image.step) == ("bgr8", 37, 53, 159)
            np.testing.assert_array_equal(image.data.reshape(37, 53, 3), sample.image)
        elif image_format == "png":
            assert "png" in image.format
            np.testing.assert_array_equal(cv2.imdecode(image.data, cv2.IMREAD_COLOR), sample.image)
        else:
            expected = cv2.imencode(".jpg", sample.image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
            assert "jpeg" in image.format
            assert image.data.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("storage", "image_format", "compression"), FORMATS)
@pytest.mark.parametrize("single_file", [False, True])
def test_bag_reader_reads_back_frames_from_folder_and_file(tmp_path, storage, image_format, compression, single_file):
    samples = _samples(3)
    with BagWriter(tmp_path / "bag", storage, image_format, compression) as writer:
        for index, sample in enumerate(samples):
            writer.write(sample, (index + 1) * 10**8)
    path = tmp_path / "bag"
    if single_file:
        path = path / ("bag.mcap" if storage == "mcap" else "bag.db3")
    with BagReader(path) as reader:
        assert len(reader) == 3
        for _ in range(2):
            frames = list(reader)
            assert [frame.stamp_ns for frame in frames] == [10**8, 2 * 10**8, 3 * 10**8]
            for sample, frame in zip(samples, frames, strict=True):
                np.testing.assert_array_equal(frame.labels, sample.labels)
                if image_format != "jpeg":
                    np.testing.assert_array_equal(frame.image, sample.image)


def test_every_distribution_since_humble_can_read_the_metadata(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        writer.write(_samples(1)[0], 1)
    text = (tmp_path / "bag" / "metadata.yaml").read_text()
    assert "version: 8" in text
    assert "offered_qos_profiles: ''" in text, "from version 9 on this is a list, which Humble cannot parse"


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**31),
    stamps=st.lists(st.integers(1, 2**31 * 10**9 - 1), min_size=1, max_size=5, unique=True),
    storage=st.sampled_from(["mcap", "sqlite3"]),
    compression=st.sampled_from([None, "zstd"]),
)
def test_any_size_and_stamp_survives(tmp_path_factory, height, width, seed, stamps, storage, compression):
    path = tmp_path_factory.mktemp("bags") / "bag"
    samples = _samples(len(stamps), height, width, seed)
    with BagWriter(path, storage, "raw", compression) as writer:
        for sample, stamp in zip(samples, sorted(stamps), strict=True):
            writer.write(sample, stamp)
    with BagReader(path) as reader:
        frames = list(reader)
    assert [frame.stamp_ns for frame in frames] == sorted(stamps)
    for sample, frame in zip(samples, frames, strict=True):
        np.testing.assert_array_equal(frame.image, sample.image)
        np.testing.assert_array_equal(frame.labels, sample.labels)


def test_intrinsics_are_written_as_an_undistorted_camera(tmp_path):
    intrinsics = np.array([[500.0, 0, 26], [0, 510, 18], [0, 0, 1]])
    with BagWriter(tmp_path / "bag", intrinsics=intrinsics, frame_id="front") as writer:
        writer.write(_samples(1)[0], 5)
    store = get_typestore(Stores.ROS2_HUMBLE)
    with Reader(tmp_path / "bag") as reader:
        connections = [c for c in reader.connections if c.topic == "/camera/camera_info"]
        ((_, _, raw),) = reader.messages(connections)
    info = store.deserialize_cdr(raw, "sensor_msgs/msg/CameraInfo")
    np.testing.assert_array_equal(info.k.reshape(3, 3), intrinsics)
    np.testing.assert_array_equal(info.p.reshape(3, 4), np.hstack([intrinsics, np.zeros((3, 1))]))
    np.testing.assert_array_equal(info.r.reshape(3, 3), np.eye(3))
    assert info.distortion_model == "plumb_bob"
    assert not info.d.any()
    assert info.header.frame_id == "front"


def test_frames_without_labels_have_no_ground_truth_topic(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        writer.write(Sample("a", np.zeros((4, 6, 3), np.uint8)), 1)
    with BagReader(tmp_path / "bag") as reader:
        assert reader.labels_topic is None
        assert [frame.labels for frame in reader] == [None]


@pytest.mark.parametrize("stamp", [0, 5, -1, 2**31 * 10**9])
def test_a_stamp_that_does_not_rise_or_fit_is_refused(tmp_path, stamp):
    sample = _samples(1)[0]
    with BagWriter(tmp_path / "bag") as writer:
        writer.write(sample, 5)
        with pytest.raises(BagError, match=f"stamp {stamp} ns"):
            writer.write(sample, stamp)


@pytest.mark.parametrize(
    ("option", "value"),
    [("storage", "rosbag1"), ("image_format", "gif"), ("compression", "lz4"), ("jpeg_quality", 0)],
)
def test_an_unknown_option_is_named(tmp_path, option, value):
    with pytest.raises(ConfigError, match=f"{option.replace('image_', 'image ')} is {value!r}"):
        BagWriter(tmp_path / "bag", **{option: value})
    assert list(tmp_path.iterdir()) == []
