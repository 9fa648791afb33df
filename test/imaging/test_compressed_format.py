"""Compressed messages as image_transport, Foxglove and drivers write them, against the picture that was taken."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fishy_ros.errors import ImageError
from fishy_ros.imaging import compressed_size, decode_compressed, parse_format

CASES = Path(__file__).resolve().parents[3] / "shared" / "field_cases"
PATTERNS = ("rggb", "bggr", "gbrg", "grbg")
GENICAM = {"rggb": "BayerRG8", "bggr": "BayerBG8", "gbrg": "BayerGB8", "grbg": "BayerGR8"}


def scene(height: int = 64, width: int = 96) -> np.ndarray:
    """Return a smooth BGR picture whose three channels differ everywhere."""
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    return np.dstack((40 + rows, 210 - columns, 120 + rows / 2 + columns / 2)).astype(np.uint8)


def mosaic_of(picture: np.ndarray, pattern: str) -> np.ndarray:
    """Sample a BGR picture as a sensor with this pattern does, written down pixel by pixel."""
    mosaic = np.empty(picture.shape[:2], picture.dtype)
    for place, color in enumerate(pattern):
        row, column = divmod(place, 2)
        mosaic[row::2, column::2] = picture[row::2, column::2, "bgr".index(color)]
    return mosaic


def packed(picture: np.ndarray, kind: str) -> np.ndarray:
    options = {".jpg": [cv2.IMWRITE_JPEG_QUALITY, 100], ".webp": [cv2.IMWRITE_WEBP_QUALITY, 101]}.get(kind, [])
    return cv2.imencode(kind, picture, options)[1].ravel()


def far_from(picture: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(picture.astype(int) - other)[2:-2, 2:-2].mean())


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (".png", "bayer_{}8; png compressed "),
        (".jpg", "bayer_{}8; jpeg compressed "),
        (".tiff", "bayer_{}8; tiff compressed "),
        (".png", "bayer_{}8;png compressed"),
        (".png", "bayer_{}8; png compressed bayer_{}8"),
        (".jpg", "BAYER_{}8; jpeg compressed mono8"),
        (".png", "bayer_{}8"),
    ],
)
def test_a_mosaic_becomes_the_picture_that_the_camera_saw(pattern, kind, text):
    data = packed(mosaic_of(scene(), pattern), kind)
    assert far_from(decode_compressed(data, image_format=text.replace("{}", pattern)), scene()) < 2


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_names_of_genicam_are_understood(pattern):
    data = packed(mosaic_of(scene(), pattern), ".png")
    assert far_from(decode_compressed(data, image_format=f"{GENICAM[pattern]}; png compressed "), scene()) < 2


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("kind", [".png", ".tiff"])
@pytest.mark.parametrize("bits", [12, 16])
def test_a_mosaic_of_more_than_8_bits_is_scaled_to_8(pattern, kind, bits):
    wide = scene().astype(np.uint16) << np.uint16(bits - 8)
    data = packed(mosaic_of(wide, pattern), kind)
    text = f"bayer_{pattern}{bits}; {kind[1:]} compressed "
    assert far_from(decode_compressed(data, image_format=text), scene()) < 2


def test_a_mosaic_is_not_shrunk_before_it_is_demosaiced():
    data = packed(mosaic_of(scene(), "rggb"), ".jpg")
    image = decode_compressed(data, (16, 24), "bayer_rggb8; jpeg compressed ")
    assert far_from(image, scene()) < 2


def test_a_mosaic_that_was_stored_in_three_equal_channels_is_one():
    data = packed(cv2.cvtColor(mosaic_of(scene(), "gbrg"), cv2.COLOR_GRAY2BGR), ".png")
    assert far_from(decode_compressed(data, image_format="bayer_gbrg8; png compressed "), scene()) < 2


@pytest.mark.parametrize("text", ["bayer_rggb8; jpeg compressed bgr8", "bayer_rggb8; png compressed "])
def test_a_picture_that_the_driver_demosaiced_is_left_alone(text):
    assert far_from(decode_compressed(packed(scene(), ".png"), image_format=text), scene()) == 0


@pytest.mark.parametrize("text", ["mono8; png compressed ", "mono8; jpeg compressed mono8", "png", "", "garbage;;;"])
def test_a_grey_picture_stays_grey(text):
    grey = scene()[..., 1]
    image = decode_compressed(packed(grey, ".png"), image_format=text)
    np.testing.assert_array_equal(image, cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))


@pytest.mark.parametrize("kind", [".png", ".tiff", ".webp", ".bmp"])
@pytest.mark.parametrize("text", ["", "rgb8; {} compressed bgr8", "{}", "bgr8; {} compressed bgr8"])
def test_lossless_codecs_give_the_picture_back(kind, text):
    text = text.replace("{}", kind[1:])
    np.testing.assert_array_equal(decode_compressed(packed(scene(), kind), image_format=text), scene())
    assert compressed_size(packed(scene(), kind)) == (64, 96)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"}])
@pytest.mark.parametrize("pages", [1, 3])
def test_the_first_page_of_a_tiff_of_pillow_is_read(options, pages):
    file = io.BytesIO()
    picture = Image.fromarray(scene()[..., ::-1])
    others = [picture.resize((8, 8)) for _ in range(pages - 1)]
    picture.save(file, "TIFF", save_all=True, append_images=others, **options)
    np.testing.assert_array_equal(decode_compressed(np.frombuffer(file.getvalue(), np.uint8)), scene())


def test_the_first_picture_of_an_animated_webp_is_read():
    file = io.BytesIO()
    picture = Image.fromarray(scene()[..., ::-1])
    picture.save(file, "WEBP", save_all=True, append_images=[picture.rotate(180)], lossless=True, duration=50)
    np.testing.assert_array_equal(decode_compressed(np.frombuffer(file.getvalue(), np.uint8)), scene())


def test_a_tiff_of_16_bit_is_brought_to_8():
    wide = scene().astype(np.uint16) * np.uint16(257)
    image = decode_compressed(packed(wide, ".tiff"), image_format="rgb16; tiff compressed bgr16")
    np.testing.assert_array_equal(image, scene())


@pytest.mark.parametrize(
    ("text", "order", "is_swapped"),
    [
        ("rgb8; jpeg compressed bgr8", "auto", False),
        ("rgb8; jpeg compressed bgr8", "format", False),
        ("rgb8; jpeg compressed rgb8", "auto", False),
        ("rgb8; jpeg compressed rgb8", "file", False),
        ("rgb8; jpeg compressed rgb8", "format", True),
        ("rgb8; png compressed rgb8", "format", True),
        ("rgb8; tiff compressed ", "auto", True),
        ("rgb8; tiff compressed ", "format", True),
        ("rgb8; tiff compressed ", "file", False),
        ("bgr8; tiff compressed ", "auto", False),
        ("jpeg", "format", False),
    ],
)
def test_red_and_blue_change_places_only_where_the_encoder_was_handed_rgb(text, order, is_swapped):
    expected = scene()[..., ::-1] if is_swapped else scene()
    image = decode_compressed(packed(scene(), ".png"), image_format=text, channel_order=order)
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("text", ["h264", "bgr8; h264 compressed bgr8", "avif", "theora"])
def test_what_cannot_be_read_names_the_format_of_the_message(text):
    with pytest.raises(ImageError, match=f"format '{text}' is neither JPEG, PNG, TIFF, WebP nor BMP"):
        decode_compressed(np.frombuffer(b"\0\0\0\1\x67" + bytes(200), np.uint8), image_format=text)


def test_what_is_damaged_names_the_format_of_the_message():
    whole = packed(scene(), ".png")
    whole[60:70] = 255
    with pytest.raises(ImageError, match=r"with format 'bgr8; png compressed bgr8' .*damaged"):
        decode_compressed(whole, image_format="bgr8; png compressed bgr8")


def test_compressed_depth_is_named_for_what_it_is():
    depth = np.frombuffer(bytes(12) + packed(np.full((8, 8), 900, np.uint16), ".png").tobytes(), np.uint8)
    with pytest.raises(ImageError, match=r"16UC1; compressedDepth png.*holds distances"):
        decode_compressed(depth, image_format="16UC1; compressedDepth png")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tiff_of_distances_is_no_picture(dtype):
    data = packed(scene()[..., 0].astype(dtype), ".tiff")
    with pytest.raises(ImageError):
        decode_compressed(data, image_format="32FC1; tiff compressed ")


@pytest.mark.parametrize(
    ("text", "is_depth"),
    [
        ("16UC1; png compressed ", True),
        ("32FC1; tiff compressed ", True),
        ("16UC1; compressedDepth rvl", True),
        ("mono16; png compressed ", False),
        ("bayer_rggb16; png compressed ", False),
        ("jpeg", False),
    ],
)
def test_encodings_of_distances_are_told_from_those_of_cameras(text, is_depth):
    assert parse_format(text).is_depth is is_depth


@pytest.mark.parametrize("text", ["png", "mono16; png compressed ", "16UC1; png compressed "])
def test_grey_of_16_bit_keeps_its_upper_8(text):
    wide = scene()[..., 1].astype(np.uint16) * np.uint16(257)
    image = decode_compressed(packed(wide, ".png"), image_format=text)
    np.testing.assert_array_equal(image, cv2.cvtColor(scene()[..., 1], cv2.COLOR_GRAY2BGR))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "L"])
def test_jpegs_of_other_color_models_are_read_as_pillow_reads_them(mode):
    file = io.BytesIO()
    Image.fromarray(scene()[..., ::-1]).convert(mode).save(file, "JPEG", quality=98)
    with Image.open(file) as picture:
        expected = np.asarray(picture.convert("RGB"))[..., ::-1]
    assert far_from(decode_compressed(np.frombuffer(file.getvalue(), np.uint8)), expected) < 2


@pytest.mark.parametrize(
    ("text", "is_lost"),
    [("yuv422_yuy2; jpeg compressed mono8", True), ("yuv422; jpeg compressed bgr8", False), ("mono8; jpeg", False)],
)
def test_a_color_camera_that_was_compressed_as_grey_is_known(text, is_lost):
    assert parse_format(text).has_lost_colors is is_lost


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
@pytest.mark.parametrize(("name", "kind"), [("bayer_rggb8.png", "png"), ("bayer_rggb8.jpg", "jpeg")])
def test_the_mosaic_from_the_field_is_what_the_camera_saw(name, kind):
    folder = CASES / "bayer_in_compressed"
    saw = np.asarray(Image.open(folder / "what_the_camera_saw.png").convert("RGB"))[..., ::-1]
    data = np.frombuffer((folder / name).read_bytes(), np.uint8)
    assert far_from(decode_compressed(data, image_format=f"bayer_rggb8; {kind} compressed "), saw) < 8
    assert far_from(decode_compressed(data), saw) > 8


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs {CASES}")
@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
def test_one_frame_from_the_field_is_read_in_every_format(suffix):
    path = CASES / "compressed_formats" / f"frame.{suffix}"
    expected = np.asarray(Image.open(path).convert("RGB"))[..., ::-1]
    assert far_from(decode_compressed(np.frombuffer(path.read_bytes(), np.uint8)), expected) < 1
