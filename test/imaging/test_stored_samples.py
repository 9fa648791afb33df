"""Label pictures are read as they are stored, at every depth, with every palette; compared with what was written."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from fishy_ros.datasets.label_files import read_label_ids
from fishy_ros.errors import DatasetError, ImageError
from fishy_ros.imaging import decode_samples

GREY, PALETTE = 0, 3


def png(samples: np.ndarray, bits: int, color: int, palette: bytes = b"", transparency: bytes = b"") -> bytes:
    """Write a PNG bit by bit, after the PNG specification, sections 7.2 and 11.2."""
    rows = b""
    for row in samples:
        text = "".join(format(int(value), f"0{bits}b") for value in row)
        text += "0" * (-len(text) % 8)
        rows += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    height, width = samples.shape
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))]
    parts += [(kind, body) for kind, body in ((b"PLTE", palette), (b"tRNS", transparency)) if body]
    parts += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def some_ids(count: int, shape: tuple[int, int] = (5, 11)) -> np.ndarray:
    return np.random.default_rng(count).integers(0, count, shape)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("is_transparent", [False, True])
def test_grey_levels_of_a_png_are_not_spread(bits, is_transparent):
    ids = some_ids(2**bits)
    np.testing.assert_array_equal(decode_samples(png(ids, bits, GREY, b"", b"\0\1" if is_transparent else b"")), ids)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("is_transparent", [False, True])
def test_indices_of_a_palette_are_not_replaced_by_colors(bits, is_transparent):
    ids = some_ids(2**bits)
    palette = np.random.default_rng(1).integers(0, 256, 3 * 2**bits, np.uint8).tobytes()
    np.testing.assert_array_equal(
        decode_samples(png(ids, bits, PALETTE, palette, b"\0" if is_transparent else b"")), ids
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_a_boolean_mask_of_pillow_is_0_and_1(kind):
    mask = some_ids(2).astype(bool)
    np.testing.assert_array_equal(decode_samples(saved(Image.fromarray(mask), kind)), mask)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_a_palette_of_pillow_keeps_its_indices(kind):
    ids = some_ids(20).astype(np.uint8)
    picture = Image.frombytes("P", ids.shape[::-1], ids.tobytes())
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    np.testing.assert_array_equal(decode_samples(saved(picture, kind)), ids)


@pytest.mark.parametrize("kind", [".png", ".tiff", ".bmp"])
def test_what_opencv_leaves_alone_stays_as_it_is(kind):
    ids = some_ids(256).astype(np.uint8)
    np.testing.assert_array_equal(decode_samples(cv2.imencode(kind, ids)[1].tobytes()), ids)


def test_lossless_webp_labels_are_exact_and_lossy_ones_refused():
    ids = np.dstack([some_ids(256, (32, 32)).astype(np.uint8)] * 3)
    np.testing.assert_array_equal(decode_samples(saved(Image.fromarray(ids), "WEBP", lossless=True, exact=True)), ids)
    for content in (saved(Image.fromarray(ids), "WEBP"), saved(Image.fromarray(ids).convert("RGBA"), "WEBP")):
        with pytest.raises(ImageError, match="compressed with loss"):
            decode_samples(content)


def test_jpeg_labels_are_refused_by_name(tmp_path):
    (tmp_path / "a.jpg").write_bytes(cv2.imencode(".jpg", some_ids(2).astype(np.uint8))[1].tobytes())
    with pytest.raises(DatasetError, match=r"a\.jpg: .*compressed with loss, .*expected a PNG"):
        read_label_ids(tmp_path / "a.jpg")


@pytest.mark.parametrize("compression", ["jpeg", "tiff_lzw", "tiff_deflate", "packbits"])
def test_a_tiff_is_read_unless_it_is_compressed_with_loss(compression):
    ids = some_ids(2, (16, 16)).astype(np.uint8)
    content = saved(Image.fromarray(ids), "TIFF", compression=compression)
    if compression != "jpeg":
        np.testing.assert_array_equal(decode_samples(content), ids)
        return
    with pytest.raises(ImageError, match="compressed with loss"):
        decode_samples(content)


def test_several_pages_are_refused_and_a_thumbnail_is_not():
    ids = Image.fromarray(some_ids(200).astype(np.uint8))
    with pytest.raises(ImageError, match="several pictures"):
        decode_samples(saved(ids, "TIFF", save_all=True, append_images=[ids]))


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_a_cut_off_palette_picture_is_refused(cut):
    content = png(some_ids(16, (40, 40)), 4, PALETTE, bytes(48))
    with pytest.raises(ImageError):
        decode_samples(content[: int(cut * len(content))])
