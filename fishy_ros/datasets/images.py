"""Find and read the image files of a dataset, with errors that name the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.documents import read_limited
from fishy_ros.errors import ImageError, UnreadableFileError
from fishy_ros.imaging import MAX_PICTURE_BYTES, decode_picture
from fishy_ros.types import ImageArray

IMAGE_SUFFIXES: frozenset[str] = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
"""File name endings (lower case) that count as images."""


def read_image(path: Path) -> ImageArray:
    """Read a color image as uint8 `[H, W, 3]`, BGR.

    Raises:
        UnreadableFileError: the file is missing or no image.
    """
    return decode_file(path, cv2.IMREAD_COLOR).astype(np.uint8, copy=False)


def decode_file(path: Path, flags: int) -> NDArray[Any]:
    """Decode an image file as `cv2.imdecode` does with `flags`.

    Raises:
        UnreadableFileError: the file is missing or no image.
    """
    content = read_limited(path, MAX_PICTURE_BYTES, UnreadableFileError)
    try:
        return decode_picture(content, flags)
    except ImageError as error:
        raise UnreadableFileError(f"{path}: cannot be decoded as an image: {error}") from error


def image_files(folder: Path) -> list[Path]:
    """List the image files directly in a folder, in natural order; empty where the folder is missing."""
    if not folder.is_dir():
        return []
    return sorted(filter(is_image_file, folder.iterdir()), key=lambda path: natural_key(path.name))


def is_image_file(path: Path) -> bool:
    """Tell whether a file counts as an image by its name.

    A link that leads nowhere, as of a file that was not fetched yet, counts, so that it is named when it is read.
    Hidden files, as macOS leaves beside each, do not.
    """
    if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
        return False
    return path.is_file() or (path.is_symlink() and not path.exists())


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key under which numbers inside names count as numbers.

    >>> sorted(["10.png", "9.png", "b.png"], key=natural_key)
    ['9.png', '10.png', 'b.png']
    """
    parts = re.split(r"(\d+)", text)
    return tuple((0, int(part), "") if index % 2 else (1, 0, part) for index, part in enumerate(parts) if part)
