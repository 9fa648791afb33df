"""`roadanomaly21` and `roadobstacle21` of SegmentMeIfYouCan (Chan et al., NeurIPS 2021)."""

from __future__ import annotations

from pathlib import Path

from fishy_ros.datasets.cityscapes_layout import check_split
from fishy_ros.datasets.files import FileDataset, FrameFiles, nothing_found, require_root
from fishy_ros.datasets.folder import has_images_and_labels, open_images_and_labels
from fishy_ros.datasets.images import image_files
from fishy_ros.datasets.info import DatasetInfo, Download
from fishy_ros.datasets.label_mapping import FISHYSCAPES_LABELS

ANOMALY_NAME = "roadanomaly21"
OBSTACLE_NAME = "roadobstacle21"

LABEL_END = "_labels_semantic.png"

_UNUSED_OBSTACLES: tuple[str, ...] = tuple(f"validation_{number}" for number in (19, *range(21, 30)))
"""Validation frames of the obstacle track that the official evaluation leaves out (30 of the rest are scored)."""


def open_road_anomaly21(root: Path | None, split: str = "validation") -> FileDataset:
    """Open the anomaly track: `images/ID.jpg` with `labels_masks/ID_labels_semantic.png`.

    The split `validation` has labels; `all` adds the test images, whose labels are not public.

    Raises:
        DatasetError: the layout is not there.
        ConfigError: an unknown split.
    """
    return _open_track(ANOMALY_NAME, root, "dataset_AnomalyTrack", split, ())


def open_road_obstacle21(root: Path | None, split: str = "validation") -> FileDataset:
    """Open the obstacle track: `images/ID.webp` with `labels_masks/ID_labels_semantic.png`.

    The split `validation` has labels; `all` adds the test images, whose labels are not public.

    Raises:
        DatasetError: the layout is not there.
        ConfigError: an unknown split.
    """
    return _open_track(OBSTACLE_NAME, root, "dataset_ObstacleTrack", split, _UNUSED_OBSTACLES)


def _open_track(name: str, root: Path | None, folder_name: str, split: str, unused: tuple[str, ...]) -> FileDataset:
    folder = require_root(name, root)
    check_split(name, split, ("validation", "all"))
    if (folder / folder_name).is_dir():
        folder = folder / folder_name
    if has_images_and_labels(folder):
        return open_images_and_labels(name, folder, FISHYSCAPES_LABELS)
    frames = []
    for image in image_files(folder / "images"):
        labels = folder / "labels_masks" / f"{image.stem}{LABEL_END}"
        frames.append(FrameFiles(image.stem, image, labels if labels.exists() else None))
    if split == "validation":
        frames = [frame for frame in frames if frame.labels and not frame.id.startswith(unused)]
    if not frames:
        raise nothing_found(name, folder, f"images/ID.* with labels_masks/ID{LABEL_END}")
    return FileDataset(name, frames, FISHYSCAPES_LABELS)


ROAD_ANOMALY21 = DatasetInfo(
    name=ANOMALY_NAME,
    title="SegmentMeIfYouCan RoadAnomaly21 (10 labelled frames)",
    source="https://segmentmeifyoucan.com/datasets",
    license="mixed, a license for each image (see credits in the archive)",
    open=open_road_anomaly21,
    downloads=(
        Download(
            url="https://zenodo.org/record/5270237/files/dataset_AnomalyTrack.zip",
            target="dataset_AnomalyTrack.zip",
            md5="231bf79ed58924bcd33d9cbe22e61076",
        ),
    ),
)

ROAD_OBSTACLE21 = DatasetInfo(
    name=OBSTACLE_NAME,
    title="SegmentMeIfYouCan RoadObstacle21 (30 labelled frames)",
    source="https://segmentmeifyoucan.com/datasets",
    license="see the archive",
    open=open_road_obstacle21,
    downloads=(
        Download(
            url="https://zenodo.org/record/5281633/files/dataset_ObstacleTrack.zip",
            target="dataset_ObstacleTrack.zip",
            md5="895fb36d18765482cc291f69e63d6da6",
        ),
    ),
)
