"""Read label pictures: one id a pixel, exactly as stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fishy_ros.documents import read_limited
from fishy_ros.errors import DatasetError, ImageError, UnreadableFileError
from fishy_ros.imaging import MAX_PICTURE_BYTES, decode_samples


def read_label_ids(path: Path) -> NDArray[np.uint8]:
    """Read the label ids of a picture as uint8 `[H, W]`, exactly as stored.

    Grey levels of 1, 2, 4, 8 and 16 bit and the indices of a palette count as ids. A color or alpha picture is
    accepted when its color channels are equal.

    Raises:
        UnreadableFileError: the file is missing, damaged, or of a compression that changes ids.
        DatasetError: it holds no single id of 0 to 255 per pixel.
    """
    return decode_label_ids(read_limited(path, MAX_PICTURE_BYTES, UnreadableFileError), path)


def read_samples(path: Path) -> NDArray[Any]:
    """Read a map of any numbers, `[H, W]` or `[H, W, C]`, as `decode_samples` does.

    Raises:
        UnreadableFileError: the file is missing or no such picture.
    """
    return _decode(read_limited(path, MAX_PICTURE_BYTES, UnreadableFileError), path)


def decode_label_ids(content: bytes, path: Path) -> NDArray[np.uint8]:
    """Decode the bytes of a label picture, see `read_label_ids`; `path` names it in errors.

    Raises:
        UnreadableFileError: it is damaged, or of a compression that changes ids.
        DatasetError: it holds no single id of 0 to 255 per pixel.
    """
    ids = _decode(content, path)
    if not np.issubdtype(ids.dtype, np.integer):
        raise DatasetError(f"{path}: expected label ids, found numbers of type {ids.dtype}")
    if ids.ndim == 3:
        if not all(np.array_equal(ids[..., 0], ids[..., channel]) for channel in range(min(3, ids.shape[2]))):
            raise DatasetError(f"{path}: expected a single-channel image of label ids, found a color image")
        ids = np.ascontiguousarray(ids[..., 0])
    if ids.min() < 0 or ids.max() > 255:
        raise DatasetError(f"{path}: expected label ids of 0 to 255, found {ids.min()} to {ids.max()}")
    return ids.astype(np.uint8, copy=False)


def _decode(content: bytes, path: Path) -> NDArray[Any]:
    try:
        return decode_samples(content)
    except ImageError as failure:
        raise UnreadableFileError(f"{path}: no label picture that can be decoded: {failure}") from failure
