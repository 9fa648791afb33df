"""`fishyscapes-lostandfound`: Fishyscapes labels on Lost and Found images (Blum et al., IJCV 2021)."""

from __future__ import annotations

import re
from pathlib import Path

from fishy_ros.datasets.files import FileDataset, FrameFiles, nothing_found, require_root
from fishy_ros.datasets.folder import has_images_and_labels, open_images_and_labels
from fishy_ros.datasets.info import DatasetInfo, Download
from fishy_ros.datasets.label_mapping import FISHYSCAPES_LABELS
from fishy_ros.errors import DatasetError

NAME = "fishyscapes-lostandfound"

LABEL_FILE = re.compile(r"(?P<number>\d+)_(?P<base>.+)_labels\.png")
"""Name of a label file: a running number, then the id of the image that it belongs to."""


def open_fishyscapes_lost_and_found(root: Path | None) -> FileDataset:
    """Open the official layout, or a plain folder with `images/` and `labels/`.

    Official: `NNNN_ID_labels.png` (the unpacked zip) anywhere under `root`, paired with the Lost and Found
    images `ID_leftImg8bit.png` (or `ID.png`, `ID.webp`), anywhere under `root` too.

    Raises:
        DatasetError: no labels, or no image for one of them.
    """
    folder = require_root(NAME, root)
    if has_images_and_labels(folder):
        return open_images_and_labels(NAME, folder, FISHYSCAPES_LABELS)
    labels = find_label_files(folder)
    if not labels:
        raise nothing_found(NAME, folder, "NNNN_ID_labels.png, or images/NAME.* with labels/NAME.png,")
    images = find_base_images(folder)
    missing = [base for _, base, _ in labels if base not in images]
    if missing:
        raise DatasetError(
            f"dataset {NAME}: {len(missing)} of {len(labels)} label files lack their Lost and Found image, such as "
            f"{missing[0]}_leftImg8bit.png; unpack leftImg8bit.zip of Lost and Found under {folder} "
            f"({len(images)} images found there)"
        )
    return FileDataset(
        NAME, [FrameFiles(f"{number}_{base}", images[base], path) for number, base, path in labels], FISHYSCAPES_LABELS
    )


def find_label_files(root: Path) -> list[tuple[str, str, Path]]:
    """Find `NNNN_ID_labels.png` under a folder: (number, id, path) in the order of the numbers."""
    matches = ((LABEL_FILE.fullmatch(path.name), path) for path in root.rglob("*_labels.png"))
    return sorted((match["number"], match["base"], path) for match, path in matches if match)


def find_base_images(root: Path) -> dict[str, Path]:
    """Find the base images (`ID_leftImg8bit.*`, or `ID.*`) under a folder, by id."""
    images: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in {".png", ".webp", ".jpg"} and not path.stem.endswith(("_labels", "Ids", "_color")):
            images.setdefault(path.stem.removesuffix("_leftImg8bit"), path)
    return images


FISHYSCAPES_LOST_AND_FOUND = DatasetInfo(
    name=NAME,
    title="Fishyscapes Lost & Found validation (100 frames)",
    source="https://fishyscapes.com/dataset (labels; images: Lost and Found)",
    license="labels CC BY 4.0; images: Lost and Found license (non-commercial)",
    open=open_fishyscapes_lost_and_found,
    downloads=(
        Download(
            url="http://robotics.ethz.ch/~asl-datasets/Fishyscapes/fishyscapes_lostandfound.zip",
            target="fishyscapes_lostandfound.zip",
            sha256="f0078e89f0a147060a0864feb90e8b523313a2723b1b764bce638dc425473094",
            size=729335,
        ),
    ),
)
