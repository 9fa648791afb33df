"""Camera encodings against images that are encoded here by hand."""

from __future__ import annotations

import importlib.util

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishy_ros.errors import ImageError
from fishy_ros.imaging import ENCODINGS, to_bgr

HEIGHT, WIDTH = 12, 16


@pytest.fixture
def picture() -> np.ndarray:
    """Smooth colors, so that demosaicing and chroma subsampling lose little."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.dstack((40 + 10 * rows, 60 + 8 * columns, 200 - 6 * rows - 4 * columns)).astype(np.uint8)


def mosaic(picture: np.ndarray, pattern: str) -> np.ndarray:
    channel = {"b": 0, "g": 1, "r": 2}
    raw = np.empty(picture.shape[:2], picture.dtype)
    for index, color in enumerate(pattern):
        raw[index // 2 :: 2, index % 2 :: 2] = picture[index // 2 :: 2, index % 2 :: 2, channel[color]]
    return raw


def yuv601(picture: np.ndarray) -> np.ndarray:
    """ITU-R BT.601 from full-range BGR to luma in [16, 235] and chroma in [16, 240]."""
    b, g, r = (picture[..., i] / 255.0 for i in range(3))
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    return np.dstack((y, u, v)).round().astype(np.uint8)


def encode(picture: np.ndarray, encoding: str) -> np.ndarray:
    """Rows of bytes, uint8 `[rows, bytes a row]`."""
    height, width = picture.shape[:2]
    if encoding.endswith("16") or encoding.startswith("16"):
        eight_bit = {"16UC1": "mono8", "16UC3": "bgr8"}.get(encoding, encoding.removesuffix("16") + "8")
        return (encode(picture, eight_bit).astype("<u2") * 257).view(np.uint8)
    if encoding in ("bgr8", "8UC3"):
        return picture.reshape(height, -1)
    if encoding == "rgb8":
        return np.ascontiguousarray(picture[..., ::-1]).reshape(height, -1)
    if encoding in ("bgra8", "8UC4", "rgba8"):
        order = picture[..., ::-1] if encoding == "rgba8" else picture
        return np.dstack((order, np.full((height, width), 77, np.uint8))).reshape(height, -1)
    if encoding in ("mono8", "8UC1"):
        return picture[..., 1].copy()
    if encoding.startswith("bayer"):
        return mosaic(picture, encoding[6:10])
    yuv = yuv601(picture)
    y, u, v = yuv[..., 0], yuv[..., 1], yuv[..., 2]
    if encoding in ("yuv422", "uyvy"):
        return np.stack((u[:, ::2], y[:, ::2], v[:, ::2], y[:, 1::2]), axis=-1).reshape(height, -1)
    if encoding in ("yuv422_yuy2", "yuyv"):
        return np.stack((y[:, ::2], u[:, ::2], y[:, 1::2], v[:, ::2]), axis=-1).reshape(height, -1)
    if encoding == "nv24":
        return np.vstack((y, np.stack((u, v), axis=-1).reshape(2 * height, width)))
    first, second = (u, v) if encoding == "nv12" else (v, u)
    return np.vstack((y, np.stack((first[::2, ::2], second[::2, ::2]), axis=-1).reshape(height // 2, width)))


def pad(rows: np.ndarray, padding: int) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, padding)), constant_values=255)


def expected(picture: np.ndarray, encoding: str) -> np.ndarray:
    grey = encoding in ("mono8", "8UC1", "mono16", "16UC1")
    return np.repeat(picture[..., 1:2], 3, axis=2) if grey else picture


def tolerance(encoding: str) -> int:
    if encoding.startswith("bayer"):
        return 12
    return 14 if encoding.startswith(("yuv", "yuyv", "uyvy", "nv")) else 0


@pytest.mark.parametrize("padding", [0, 8])
@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_every_encoding_gives_the_picture_back(picture, encoding, padding):
    rows = encode(picture, encoding)
    if encoding == "nv24" and padding:
        chroma = pad(rows[HEIGHT:].reshape(HEIGHT, 2 * WIDTH), 2 * padding).reshape(2 * HEIGHT, WIDTH + padding)
        padded = np.vstack((pad(rows[:HEIGHT], padding), chroma))
    else:
        padded = pad(rows, padding)
    image = to_bgr(padded.ravel(), encoding, HEIGHT, WIDTH, padded.shape[1])
    difference = np.abs(image.astype(int) - expected(picture, encoding))[2:-2, 2:-2]
    assert image.dtype == np.uint8
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert difference.max() <= tolerance(encoding)


@pytest.mark.parametrize("encoding", ["mono16", "16UC1", "bgr16", "rgba16", "bayer_rggb16"])
def test_a_big_endian_image_equals_its_little_endian_twin(picture, encoding):
    little = encode(picture, encoding).view("<u2")
    little = (little + np.arange(little.shape[1], dtype=np.uint16) % 97).astype("<u2")
    step = little.shape[1] * 2
    ours = to_bgr(little.astype(">u2").view(np.uint8).ravel(), encoding, HEIGHT, WIDTH, step, is_bigendian=True)
    np.testing.assert_array_equal(ours, to_bgr(little.view(np.uint8).ravel(), encoding, HEIGHT, WIDTH, step))


def test_sixteen_bits_are_scaled_and_rounded():
    samples = np.array([[0, 128, 129, 257, 65535, 32768]], "<u2")
    image = to_bgr(samples.view(np.uint8).ravel(), "mono16", 1, 6, 12)
    np.testing.assert_array_equal(image[0, :, 0], [0, 0, 1, 1, 255, 128])


def test_bgr8_is_a_view(picture):
    data = pad(picture.reshape(HEIGHT, -1), 5).ravel()
    assert np.shares_memory(to_bgr(data, "bgr8", HEIGHT, WIDTH, WIDTH * 3 + 5), data)


@pytest.mark.parametrize(
    ("encoding", "height", "width", "step", "size", "message"),
    [
        ("jpeg", 2, 2, 6, 12, "unknown image encoding 'jpeg'"),
        ("x" * 10_000, 2, 2, 6, 12, "unknown image encoding"),
        ("bgr8", 2, 2, 5, 10, "step 5.*at least 6"),
        ("bgr8", 2, 2, 6, 11, "has 11 bytes; expected 12"),
        ("bgr8", 2, 2, 6, 0, "has 0 bytes"),
        ("bgr8", 0, 2, 6, 0, "no pixels"),
        ("bgr8", 16384, 16384, 49152, 12, "more than"),
        ("bgr8", 2**32 - 1, 2**32 - 1, 2**32 - 1, 12, "more than"),
        ("yuv422", 2, 3, 6, 12, "multiples of 2x1"),
        ("nv12", 3, 4, 4, 18, "multiples of 2x2"),
        ("nv21", 4, 4, 4, 16, "has 16 bytes; expected 24"),
        ("bayer_rggb8", 1, 1, 0, 0, "at least 1"),
    ],
)
def test_a_contradiction_is_an_error_that_names_it(encoding, height, width, step, size, message):
    with pytest.raises(ImageError, match=message):
        to_bgr(np.zeros(size, np.uint8), encoding, height, width, step)


@given(
    encoding=st.sampled_from(sorted(ENCODINGS)) | st.text(max_size=8),
    height=st.integers(0, 9),
    width=st.integers(0, 9),
    step=st.integers(0, 80),
    extra=st.sampled_from([0, 0, 0, -1, 3]),
    planes=st.sampled_from([1.0, 1.5, 3.0]),
)
def test_any_description_gives_an_image_or_an_image_error(encoding, height, width, step, extra, planes):
    data = np.zeros(max(0, int(height * step * planes) + extra), np.uint8)
    try:
        image = to_bgr(data, encoding, height, width, step)
    except ImageError:
        return
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8


@pytest.mark.skipif(importlib.util.find_spec("cv_bridge") is None, reason="cv_bridge is not installed")
@pytest.mark.parametrize("encoding", sorted(ENCODINGS - {"nv12", "nv21", "nv24", "16UC1", "16UC3", "8UC1", "8UC4"}))
def test_conversion_equals_cv_bridge(picture, encoding):
    from cv_bridge import CvBridge
    from sensor_msgs.msg import Image

    rows = pad(encode(picture, encoding), 8)
    message = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=rows.shape[1])
    message.data.frombytes(rows.tobytes())
    theirs = CvBridge().imgmsg_to_cv2(message, "bgr8")
    np.testing.assert_array_equal(to_bgr(rows.ravel(), encoding, HEIGHT, WIDTH, rows.shape[1]), theirs)


def test_two_planes_equal_opencv_on_one_buffer(picture):
    rows = encode(picture, "nv12")
    reference = cv2.cvtColor(rows, cv2.COLOR_YUV2BGR_NV12)
    np.testing.assert_array_equal(to_bgr(rows.ravel(), "nv12", HEIGHT, WIDTH, WIDTH), reference)
