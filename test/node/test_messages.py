"""Reading serialised messages without rclpy's help, against rclpy's own serialisation; and building them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from fishy_ros.errors import ImageError
from fishy_ros.node.conversions import (
    CompressedCameraImage,
    FrameHeader,
    RawImage,
    heatmap_message,
    jpeg_message,
    label_message,
    scale_camera_info,
)
from fishy_ros.node.counters import LatencyWindow
from fishy_ros.node.stamps import age_of

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
UINT32 = st.integers(0, 2**32 - 1)


@settings(max_examples=200, deadline=None)
@given(
    sec=st.integers(-(2**31), 2**31 - 1),
    nanosec=UINT32,
    frame_id=TEXT,
    size=st.tuples(UINT32, UINT32, UINT32),
    encoding=TEXT,
    big=st.booleans(),
    data=st.binary(max_size=60),
)
def test_a_raw_image_is_read_as_rclpy_wrote_it(sec, nanosec, frame_id, size, encoding, big, data):
    message = Image(
        header=Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=frame_id),
        height=size[0],
        width=size[1],
        step=size[2],
        encoding=encoding,
        is_bigendian=big,
    )
    message.data.frombytes(data)
    read = RawImage.deserialize(bytes(serialize_message(message)))
    assert read.header == FrameHeader(sec, nanosec, frame_id)
    assert (read.height, read.width, read.step, read.encoding, read.is_bigendian) == (*size, encoding, big)
    assert read.data.tobytes() == data


@settings(max_examples=50, deadline=None)
@given(frame_id=TEXT, kind=TEXT, data=st.binary(max_size=60))
def test_a_compressed_image_is_read_as_rclpy_wrote_it(frame_id, kind, data):
    message = CompressedImage(header=Header(stamp=Time(sec=1, nanosec=2), frame_id=frame_id), format=kind)
    message.data.frombytes(data)
    read = CompressedCameraImage.deserialize(bytes(serialize_message(message)))
    assert read.header == FrameHeader(1, 2, frame_id)
    assert read.format == kind
    assert read.data.tobytes() == data


def test_a_big_endian_message_is_read_too():
    head = struct.pack(">iI", 5, 6) + struct.pack(">I", 2) + b"c\0" + b"\0\0"
    body = (
        struct.pack(">II", 1, 1) + struct.pack(">I", 6) + b"mono8\0" + b"\1" + b"\0" + struct.pack(">II", 1, 1) + b"x"
    )
    read = RawImage.deserialize(b"\0\0\0\0" + head + body)
    assert read == RawImage(FrameHeader(5, 6, "c"), 1, 1, "mono8", True, 1, read.data)
    assert read.data.tobytes() == b"x"


@settings(max_examples=400, deadline=None)
@given(message=st.binary(max_size=120) | st.binary(max_size=80).map(lambda data: b"\0\1\0\0" + data))
def test_any_bytes_are_a_message_or_an_image_error(message):
    for kind in (RawImage, CompressedCameraImage):
        try:
            kind.deserialize(message).to_bgr()
        except ImageError:
            continue


@pytest.mark.parametrize("cut", range(0, 100, 7))
def test_a_message_that_is_cut_off_is_refused(cut):
    message = Image(header=Header(frame_id="camera"), height=8, width=8, encoding="mono8", step=8)
    message.data.frombytes(bytes(64))
    whole = bytes(serialize_message(message))
    with pytest.raises(ImageError):
        RawImage.deserialize(whole[: min(cut, len(whole) - 8)])


def test_heatmaps_and_labels_become_images_of_the_right_kind():
    header = FrameHeader(3, 4, "camera")
    score = np.random.default_rng(0).random((5, 7), np.float32)
    message = heatmap_message(header, score[:, ::-1])
    assert (message.encoding, message.height, message.width, message.step) == ("32FC1", 5, 7, 28)
    assert (message.header.stamp.sec, message.header.stamp.nanosec, message.header.frame_id) == (3, 4, "camera")
    assert not message.is_bigendian
    np.testing.assert_array_equal(np.frombuffer(message.data, np.float32).reshape(5, 7), score[:, ::-1])
    labels = label_message(header, np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert (labels.encoding, labels.step, labels.data.tobytes()) == ("mono8", 3, bytes(range(6)))


def test_a_jpeg_message_names_its_format_and_decodes():
    image = np.full((16, 16, 3), 99, np.uint8)
    message = jpeg_message(FrameHeader(1, 1, ""), image, 90)
    assert message.format == "bgr8; jpeg compressed bgr8"
    decoded = CompressedCameraImage.deserialize(bytes(serialize_message(message))).to_bgr()
    assert np.abs(decoded.astype(int) - image).max() < 3


@pytest.mark.parametrize(("scale_y", "scale_x"), [(0.5, 0.5), (0.25, 0.5), (2.0, 1.0)])
def test_a_point_projects_to_the_same_place_in_the_scaled_image(scale_y, scale_x):
    info = CameraInfo(height=480, width=640)
    info.k = [500.0, 0.0, 310.0, 0.0, 510.0, 250.0, 0.0, 0.0, 1.0]
    info.p = [500.0, 0.0, 310.0, -60.0, 0.0, 510.0, 250.0, 7.0, 0.0, 0.0, 1.0, 0.0]
    info.d = [0.1, 0.2, 0.0, 0.0, 0.0]
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 40, 20, 400, 200
    scaled = scale_camera_info(info, FrameHeader(1, 2, "camera"), scale_y, scale_x)
    point = np.array([0.3, -0.2, 2.0, 1.0])

    def project(matrix, point):
        u, v, w = matrix @ point
        return np.array([u / w, v / w])

    for before, after, argument in (
        (np.reshape(info.k, (3, 3)), np.reshape(scaled.k, (3, 3)), point[:3]),
        (np.reshape(info.p, (3, 4)), np.reshape(scaled.p, (3, 4)), point),
    ):
        expected = (project(before, argument) + 0.5) * (scale_x, scale_y) - 0.5
        np.testing.assert_allclose(project(after, argument), expected)
    assert (scaled.height, scaled.width) == (480 * scale_y, 640 * scale_x)
    assert (scaled.roi.x_offset, scaled.roi.height) == (40 * scale_x, 200 * scale_y)
    assert list(scaled.d) == list(info.d)
    assert info.k[0] == 500.0


def test_an_uncalibrated_camera_stays_uncalibrated():
    scaled = scale_camera_info(CameraInfo(height=4, width=4), FrameHeader(0, 0, ""), 0.5, 0.5)
    assert not any(scaled.k)
    assert not any(scaled.p)


def test_percentiles_are_of_the_last_frames_and_ignore_what_is_unknown():
    window = LatencyWindow(frames=100)
    values = np.random.default_rng(1).random(250)
    for value in values:
        window.add({"total": float(value), "age": float("nan")})
    assert list(window.percentiles()) == ["total"]
    np.testing.assert_allclose(window.percentiles()["total"], np.percentile(values[-100:], (50, 95, 99)))


@pytest.mark.parametrize(("stamp", "now", "valid"), [(0, 10, False), (11, 10, False), (10, 10, True), (4, 10, True)])
def test_an_age_is_valid_only_for_a_stamp_in_the_past(stamp, now, valid):
    age = age_of(stamp, now)
    assert (age.problem == "") == valid
    assert np.isfinite(age.ms) == valid
