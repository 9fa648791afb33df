"""The size in a picture's header is what OpenCV decodes, and a picture of a forbidden size is never decoded."""

import struct
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishy_ros.errors import ImageError
from fishy_ros.imaging import decode_compressed, decode_picture, picture_files
from fishy_ros.imaging.file_headers import MAX_SCANS, jpeg_size, picture_size

KINDS = {
    ".png": [],
    ".jpg": [],
    ".bmp": [],
    ".tiff": [],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 101],  # above 100: lossless
    "lossy.webp": [cv2.IMWRITE_WEBP_QUALITY, 50],
}


def encoded(kind: str, picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(f".{kind.rpartition('.')[2]}", picture, KINDS[kind])[1])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3, 4]))
def test_the_header_states_the_size_that_opencv_decodes(kind, height, width, channels):
    channels = 3 if channels == 4 and kind in {".jpg", ".bmp"} else channels
    picture = np.random.default_rng(height).integers(0, 255, (height, width, channels), np.uint8)
    content = encoded(kind, picture)
    assert picture_size(np.frombuffer(content, np.uint8)) == (height, width)
    assert decode_picture(content, cv2.IMREAD_UNCHANGED).shape[:2] == (height, width)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
def test_tiffs_of_wide_numbers_are_read_as_opencv_wrote_them(dtype):
    picture = np.random.default_rng(0).random((9, 7)).astype(dtype)
    np.testing.assert_array_equal(decode_picture(encoded(".tiff", picture), cv2.IMREAD_UNCHANGED), picture)


def jpeg_within(hidden: bytes, shown: bytes, marker: int) -> bytes:
    """Hide all of a JPEG in what looks like a segment, in front of the headers of another.

    Behind a marker that has no length, a decoder reads on at once, and finds the hidden one.
    """
    length = struct.pack(">H", len(hidden))
    return b"\xff\xd8" + bytes([0xFF, marker]) + length + hidden[2:] + shown[2:]


@pytest.mark.parametrize("marker", [0x00, 0x01, *range(0xD0, 0xDA)])
def test_no_jpeg_is_hidden_behind_a_marker_without_a_length(marker):
    large, small = (encoded(".jpg", np.zeros((side, side), np.uint8)) for side in (512, 16))
    content = jpeg_within(large, small, marker)
    for decode in (lambda: decode_picture(content, cv2.IMREAD_COLOR), lambda: decode_compressed(as_array(content))):
        with pytest.raises(ImageError, match=f"a marker FF {marker:02X}"):
            decode()


def as_array(content: bytes) -> np.ndarray:
    return np.frombuffer(content, np.uint8)


@pytest.mark.parametrize("kind", [6, 8, 9, 16, 17])
def test_a_tiff_has_the_largest_size_that_any_of_its_fields_states(kind):
    """The signed kinds are none of the standard's for a size, but libtiff takes them, and of two the first."""
    first = struct.pack("<HHQQ", 256, kind, 1, 100)
    content = tiff(16, 16, big=True)
    head, count, entries = content[:16], struct.unpack_from("<Q", content, 16)[0], content[24:]
    assert picture_size(as_array(head + struct.pack("<Q", count + 1) + first + entries)) == (16, 100)


def test_a_picture_of_another_size_than_its_header_states_is_refused(monkeypatch):
    content = encoded(".png", np.zeros((9, 11), np.uint8))
    monkeypatch.setattr(picture_files, "picture_size", lambda data: (9, 12))
    with pytest.raises(ImageError, match="12x9 by its header, and 11x9 once decoded"):
        decode_picture(content, cv2.IMREAD_COLOR)


def tiff(width: int, height: int, order: str = "<", big: bool = False, **more: int) -> bytes:
    tags = {256: width, 257: height, **{int(name[1:]): value for name, value in more.items()}}
    mark = b"II" if order == "<" else b"MM"
    entry, number = ("HHQQ", "Q") if big else ("HHII", "I")
    entries = b"".join(struct.pack(f"{order}{entry}", tag, 16 if big else 4, 1, tags[tag]) for tag in sorted(tags))
    if big:
        head = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, 16) + struct.pack(f"{order}Q", len(tags))
    else:
        head = mark + struct.pack(f"{order}HI", 42, 8) + struct.pack(f"{order}H", len(tags))
    return head + entries + struct.pack(f"{order}{number}", 0)


HUGE = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0) + bytes(40),
    "jpeg": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03" + bytes(9) + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\0\0",
    "bmp": b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 60_000, -60_000, 1, 24) + bytes(40),
    "old bmp": b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 60_000, 60_000, 1, 24) + bytes(40),
    "webp": b"RIFF\xff\0\0\0WEBPVP8 \xff\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383) + bytes(40),
    "lossless webp": b"RIFF\xff\0\0\0WEBPVP8L\xff\0\0\0\x2f\xff\xff\xff\x0f" + bytes(40),
    "extended webp": b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6 + bytes(40),
    "tiff": tiff(60_000, 60_000),
    "big-endian tiff": tiff(60_000, 60_000, ">"),
    "big tiff": tiff(60_000, 60_000, big=True),
    "wide tiff": tiff(8192, 8192, t258=64, t277=4),
    "tiled tiff": tiff(16, 16, t322=60_000, t323=60_000),
    "empty tiff": tiff(0, 16),
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_forbidden_size_is_refused_from_the_header(kind):
    with pytest.raises(ImageError, match=r"pixels|too much"):
        picture_size(np.frombuffer(HUGE[kind], np.uint8))


@pytest.mark.parametrize(
    "head", [b"GIF89a", b"P6\n9 9\n255\n", b"#?RADIANCE\n", b"\x76\x2f\x31\x01", b"\0\0\0\x0cjP  ", b""]
)
def test_formats_that_nobody_needs_are_refused(head):
    with pytest.raises(ImageError, match="not a PNG, JPEG, WebP, BMP or TIFF file"):
        decode_picture(head + bytes(60), cv2.IMREAD_COLOR)


def test_a_jpeg_of_too_many_scans_is_refused():
    whole = bytes(cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1])
    scan, end = whole.rindex(b"\xff\xda"), whole.rindex(b"\xff\xd9")
    bomb = whole[:end] + whole[scan:end] * MAX_SCANS + whole[end:]
    assert decode_compressed(np.frombuffer(whole, np.uint8)).shape == (64, 64, 3)
    with pytest.raises(ImageError, match=f"expected at most {MAX_SCANS}"):
        decode_compressed(np.frombuffer(bomb, np.uint8))


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    position=st.floats(0, 1, exclude_max=True),
    damage=st.binary(min_size=1, max_size=4),
    cut=st.floats(0, 1),
)
def test_a_damaged_picture_is_decoded_or_refused(kind, position, damage, cut):
    content = encoded(kind, np.full((9, 11, 3), 77, np.uint8))
    at = int(position * len(content))
    content = (content[:at] + damage + content[at + len(damage) :])[: max(1, int(cut * len(content)))]
    for flags in (cv2.IMREAD_COLOR, cv2.IMREAD_UNCHANGED):
        with suppress(ImageError):
            decode_picture(content, flags)


@pytest.mark.parametrize("fill", [0, 1, 3])
def test_a_jpeg_with_fill_bytes_before_a_marker_is_read_up_to_its_first_scan(fill):
    """ITU-T T.81, B.1.1.2: any marker may be preceded by any number of bytes of 255."""
    picture = np.random.default_rng(0).integers(0, 255, (24, 40, 3), np.uint8)
    content = encoded(".jpg", picture)
    filled = content[:2] + b"\xff" * fill + content[2:]
    size, scan = jpeg_size(filled)
    assert size == (24, 40)
    assert filled[scan : scan + 2] == b"\xff\xda"
    assert scan == content.index(b"\xff\xda") + fill
    np.testing.assert_array_equal(decode_picture(filled, cv2.IMREAD_COLOR), decode_picture(content, cv2.IMREAD_COLOR))
