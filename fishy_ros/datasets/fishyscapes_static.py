"""`fishyscapes-static`: pasted objects on Cityscapes validation images (Blum et al., IJCV 2021)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fishy_ros.arrays import read_npz
from fishy_ros.datasets.files import FileDataset, FrameFiles, nothing_found, require_root
from fishy_ros.datasets.fishyscapes_lost_and_found import find_base_images, find_label_files
from fishy_ros.datasets.folder import has_images_and_labels, open_images_and_labels
from fishy_ros.datasets.images import IMAGE_SUFFIXES, read_image
from fishy_ros.datasets.info import DatasetInfo, Download
from fishy_ros.datasets.label_mapping import FISHYSCAPES_LABELS
from fishy_ros.errors import DatasetError
from fishy_ros.types import ImageArray

NAME = "fishyscapes-static"


def open_fishyscapes_static(root: Path | None) -> FileDataset:
    """Open the official layout, or a plain folder with `images/` and `labels/`.

    Official: `NNNN_ID_labels.png` with `NNNN_ID_rgb.npz` (the difference to the Cityscapes image
    `ID_leftImg8bit.png`, which must lie under `root` too) or with the finished picture `NNNN_ID_rgb.png`
    (or .jpg, .webp), anywhere under `root`.

    Raises:
        DatasetError: no labels, or no picture for one of them.
    """
    folder = require_root(NAME, root)
    if has_images_and_labels(folder):
        return open_images_and_labels(NAME, folder, FISHYSCAPES_LABELS)
    labels = find_label_files(folder)
    if not labels:
        raise nothing_found(NAME, folder, "NNNN_ID_labels.png, or images/NAME.* with labels/NAME.png,")
    bases = find_base_images(folder)
    frames = [FrameFiles(f"{number}_{base}", _find_picture(path, base, bases), path) for number, base, path in labels]
    return FileDataset(NAME, frames, FISHYSCAPES_LABELS, read_frame_image=lambda frame: _read_picture(frame, bases))


def _find_picture(label: Path, base: str, bases: dict[str, Path]) -> Path:
    stem = label.name.removesuffix("labels.png") + "rgb"
    candidates = [label.with_name(f"{stem}{suffix}") for suffix in (*sorted(IMAGE_SUFFIXES), ".npz")]
    picture = next((path for path in candidates if path.exists()), None)
    if picture is None:
        raise DatasetError(f"dataset {NAME}: {label} lacks {stem}.npz (or .png, .jpg, .webp) beside it")
    if picture.suffix == ".npz" and base not in bases:
        raise DatasetError(
            f"dataset {NAME}: {picture.name} needs the Cityscapes image {base}_leftImg8bit.png, which is not there; "
            "unpack leftImg8bit_trainvaltest.zip of Cityscapes under the same root"
        )
    return picture


def _read_picture(frame: FrameFiles, bases: dict[str, Path]) -> ImageArray:
    if frame.image.suffix != ".npz":
        return read_image(frame.image)
    (stored,) = read_npz(frame.image, ("rgb",), DatasetError)
    difference = stored.astype(np.int16)
    base = read_image(bases[frame.id.partition("_")[2]])
    if difference.shape != base.shape:
        raise DatasetError(f"{frame.image}: shape {difference.shape}, but the Cityscapes image is {base.shape}")
    picture: ImageArray = np.clip(base.astype(np.int16) + difference[..., ::-1], 0, 255).astype(np.uint8)
    return picture


FISHYSCAPES_STATIC = DatasetInfo(
    name=NAME,
    title="Fishyscapes Static validation (30 frames)",
    source="https://fishyscapes.com/dataset (overlays; images: Cityscapes, https://www.cityscapes-dataset.com)",
    license="overlays: see fishyscapes.com; images: Cityscapes terms (non-commercial)",
    open=open_fishyscapes_static,
    downloads=(
        Download(
            url="http://robotics.ethz.ch/~asl-datasets/Fishyscapes/fs_val_v3.zip",
            target="fs_val_v3.zip",
            sha256="3813994ccb73645d28aa53946646a03d859dbeb9a2d31ad7233e45db00878b8f",
            size=8046056,
        ),
    ),
)
