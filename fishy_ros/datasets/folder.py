"""`folder`: any folder with `images/NAME.*` and, where there is ground truth, `labels/NAME.png`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fishy_ros.datasets.files import FileDataset, FrameFiles, nothing_found, require_root
from fishy_ros.datasets.images import image_files
from fishy_ros.datasets.info import DatasetInfo
from fishy_ros.datasets.label_mapping import FISHYSCAPES_LABELS, LabelMapping, parse_label_mapping
from fishy_ros.errors import DatasetError

NAME = "folder"


def open_folder(root: Path | None, labels: str | None = None) -> FileDataset:
    """Open a folder with `images/` and `labels/`; frames are sorted naturally by name.

    `labels` says what the label ids mean, such as `0=normal,2-43=anomaly,*=ignored` (default: 0 normal,
    1 anomaly, 255 ignored, anything else an error). Images without a label file have no ground truth.

    Raises:
        DatasetError: no image was found, or labels were but none belongs to an image.
        ConfigError: `labels` is malformed.
    """
    folder = require_root(NAME, root)
    mapping = FISHYSCAPES_LABELS if labels is None else parse_label_mapping(labels)
    return open_images_and_labels(NAME, folder, mapping)


def has_images_and_labels(root: Path) -> bool:
    """Tell whether a folder has the plain layout, with both `images/` and `labels/`."""
    return (root / "images").is_dir() and (root / "labels").is_dir()


def open_images_and_labels(name: str, root: Path, mapping: LabelMapping) -> FileDataset:
    """Open `images/NAME.*` with `labels/NAME.png` as the dataset `name`.

    Raises:
        DatasetError: no image was found, two files share a name, or labels were found but none belongs to an image.
    """
    images = image_files(root / "images")
    if not images:
        raise nothing_found(name, root, "images/NAME.png (or .jpg, .webp, .bmp, .tif)")
    label_files = image_files(root / "labels")
    for files in (images, label_files):
        _refuse_twins(name, files)
    labels = {path.stem: path for path in label_files}
    frames = [FrameFiles(path.stem, path, labels.get(path.stem)) for path in images]
    if labels and not any(frame.labels for frame in frames):
        raise DatasetError(
            f"dataset {name}: none of the {len(labels)} files in {root / 'labels'} (such as {min(labels)}) "
            f"is named after one of the {len(images)} images (such as {images[0].stem})"
        )
    pictured = {path.stem for path in images}
    unused = [path for path in label_files if path.stem not in pictured]
    return FileDataset(name, frames, mapping, unused_labels=unused)


def _refuse_twins(name: str, files: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in files:
        if path.stem in seen:
            both = f"{seen[path.stem].name} and {path.name}"
            raise DatasetError(f"dataset {name}: {path.parent} holds {both}; expected one file per name")
        seen[path.stem] = path


FOLDER = DatasetInfo(
    name=NAME,
    title="Your own images/NAME.* and labels/NAME.png",
    source="your own pictures",
    license="yours",
    open=open_folder,
)
