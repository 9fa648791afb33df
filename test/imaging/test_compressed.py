"""Compressed images: what decodes, what is refused, and that nothing is allocated for a lie."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishy_ros.errors import ImageError
from fishy_ros.imaging import compressed_size, decode_compressed


def smooth(height: int = 64, width: int = 96) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.dstack((rows * 2, columns, 255 - rows - columns)).astype(np.uint8)


def compress(image: np.ndarray, kind: str) -> np.ndarray:
    return cv2.imencode(kind, image)[1].ravel()


def png_header(height: int, width: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"IEND"
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I", 0)
        + end
        + struct.pack(">I", zlib.crc32(end))
    )


def test_png_is_decoded_exactly():
    image = smooth()
    np.testing.assert_array_equal(decode_compressed(compress(image, ".png")), image)


def test_jpeg_is_decoded_closely():
    image = smooth()
    assert np.abs(decode_compressed(compress(image, ".jpg")).astype(int) - image).mean() < 3


def test_a_grey_jpeg_becomes_bgr():
    image = decode_compressed(compress(smooth()[..., 0], ".jpg"))
    assert image.shape == (64, 96, 3)
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


def test_a_jpeg_too_small_for_what_it_claims_is_refused():
    data = bytearray(compress(smooth(16, 16), ".jpg"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 8000, 8000)
    with pytest.raises(ImageError, match="cannot hold 8000x8000"):
        decode_compressed(np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("options", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_OPTIMIZE, 1]])
def test_the_smallest_honest_jpeg_is_decoded(options):
    flat = np.zeros((256, 512, 3), np.uint8)
    data = cv2.imencode(".jpg", flat, [cv2.IMWRITE_JPEG_QUALITY, 1, *options])[1].ravel()
    np.testing.assert_allclose(decode_compressed(data), flat, atol=2)


@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_size_is_read_without_decoding(kind):
    assert compressed_size(compress(smooth(48, 80), kind)) == (48, 80)


@pytest.mark.parametrize(
    ("at_least", "size"), [((64, 96), (64, 96)), ((33, 40), (64, 96)), ((32, 48), (32, 48)), ((8, 12), (8, 12))]
)
def test_jpeg_is_decoded_no_larger_than_needed(at_least, size):
    assert decode_compressed(compress(smooth(), ".jpg"), at_least).shape[:2] == size


def test_exif_orientation_does_not_turn_the_camera():
    jpeg = compress(smooth(), ".jpg").tobytes()
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 1) + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0) + b"\0" * 4
    exif = b"Exif\0\0" + tiff
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    assert decode_compressed(np.frombuffer(turned, np.uint8)).shape == (64, 96, 3)


@pytest.mark.parametrize("kind", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.97])
def test_a_cut_off_file_is_refused(kind, share):
    data = compress(smooth(), kind)
    with pytest.raises(ImageError, match=r"cut off|header|neither"):
        decode_compressed(data[: int(len(data) * share)])


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff", b"GIF89a....", b"\xff\xd8\xff\xd9", b"\0" * 100])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(ImageError, match=r"neither|header"):
        decode_compressed(np.frombuffer(data, np.uint8))


def test_a_decompression_bomb_is_refused_by_its_header():
    with pytest.raises(ImageError, match="more than"):
        decode_compressed(np.frombuffer(png_header(60_000, 60_000), np.uint8))
    jpeg = bytearray(compress(smooth(), ".jpg").tobytes())
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    with pytest.raises(ImageError, match="more than"):
        decode_compressed(np.frombuffer(bytes(jpeg), np.uint8))


def test_a_png_without_pixels_is_damaged():
    with pytest.raises(ImageError, match=r"damaged|decoded"):
        decode_compressed(np.frombuffer(png_header(8, 8), np.uint8))


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from([".png", ".jpg"]), position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_gives_an_image_or_an_image_error(kind, position, value):
    data = compress(smooth(16, 16), kind).copy()
    data[position % len(data)] = value
    try:
        image = decode_compressed(data)
    except ImageError:
        return
    assert image.ndim == 3
    assert image.shape[2] == 3
