"""Pictures of objects without their background."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.datasets.files import describe_folder
from fishy_ros.datasets.images import IMAGE_SUFFIXES, decode_file, natural_key
from fishy_ros.errors import ConfigError, DatasetError
from fishy_ros.types import ImageArray

AlphaMap = NDArray[np.float32]
"""How much an object covers each pixel, float32 `[h, w]` in [0, 1]."""


@dataclass(frozen=True)
class ObjectCrop:
    """An object: colors, uint8 `[h, w, 3]` BGR, and alpha, float32 `[h, w]`."""

    name: str
    image: ImageArray
    alpha: AlphaMap

    @property
    def kind(self) -> str:
        """What it shows: the first word of its name, such as `horse` of `horse_12`."""
        return self.name.replace("-", "_").split("_")[0].lower()


SPLITS: tuple[str, ...] = ("all", "train", "validation")
VALIDATION_SHARE: int = 5
"""Every fifth object of a folder, by the hash of its file name, is for validation and in no training split."""


def find_object_crops(folder: Path, split: str = "all") -> tuple[Path, ...]:
    """List the pictures with transparency (.png, .webp, .tif) under a folder, in natural order.

    Args:
        folder: is searched with its subfolders.
        split: one of `SPLITS`; `train` and `validation` share no picture.

    Raises:
        DatasetError: there are none.
        ConfigError: the split is unknown.
    """
    if split not in SPLITS:
        raise ConfigError(f"split of the objects is {split!r}, expected one of {', '.join(SPLITS)}")
    if not folder.is_dir():
        raise DatasetError(f"object crops: {folder} {'is not a folder' if folder.exists() else 'does not exist'}")
    opaque = {".jpg", ".jpeg", ".bmp"}
    found = [path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES - opaque]
    if found and split != "all":
        every, found = len(found), [path for path in found if _for_validation(path) == (split == "validation")]
        if not found:
            raise DatasetError(f"object crops: none of the {every} under {folder} is for {split}; add some")
    if not found:
        raise DatasetError(f"object crops: no .png, .webp or .tif under {folder}; found {describe_folder(folder)}")
    return tuple(sorted(found, key=lambda path: natural_key(str(path))))


def read_object_crop(path: Path) -> ObjectCrop:
    """Read a picture with an alpha channel, cropped to what is visible.

    Raises:
        DatasetError: it cannot be read, has no alpha channel, or nothing in it is visible.
    """
    picture = decode_file(path, cv2.IMREAD_UNCHANGED)
    if picture.ndim != 3 or picture.shape[2] != 4 or picture.dtype != np.uint8:
        raise DatasetError(f"{path}: expected an 8-bit RGBA image, found shape {picture.shape}")
    visible = np.argwhere(picture[..., 3] >= 128)
    if not visible.size:
        raise DatasetError(f"{path}: every pixel is transparent")
    (top, left), (bottom, right) = visible.min(0), visible.max(0) + 1
    cropped = picture[top:bottom, left:right]
    alpha = np.asarray(cropped[..., 3] / np.float32(255), np.float32)
    return ObjectCrop(path.stem, np.ascontiguousarray(cropped[..., :3]), alpha)


def _for_validation(path: Path) -> bool:
    return zlib.crc32(path.name.encode()) % VALIDATION_SHARE == 0
