"""`roadanomaly`: 60 photographs with unusual things on or near the road (Lis et al., ICCV 2019)."""

from __future__ import annotations

from pathlib import Path

from fishy_ros.datasets.files import FileDataset, FrameFiles, nothing_found, require_root
from fishy_ros.datasets.images import image_files
from fishy_ros.datasets.info import DatasetInfo, Download
from fishy_ros.datasets.label_mapping import LabelMapping
from fishy_ros.types import IGNORED

NAME = "roadanomaly"

ROAD_ANOMALY_LABELS = LabelMapping(frozenset({0, 1}), frozenset(range(2, IGNORED)), frozenset({IGNORED}))
"""Label ids: 0 background and 1 road are normal, 2 (and above) anomalous."""


def open_road_anomaly(root: Path | None) -> FileDataset:
    """Open `frames/ID.jpg` (or .webp) with `frames/ID.labels/labels_semantic.png`.

    Raises:
        DatasetError: the layout is not there.
    """
    folder = require_root(NAME, root)
    if not (folder / "frames").is_dir() and (folder / "RoadAnomaly_jpg").is_dir():
        folder = folder / "RoadAnomaly_jpg"
    frames = []
    for image in image_files(folder / "frames"):
        labels = image.parent / f"{image.stem}.labels" / "labels_semantic.png"
        frames.append(FrameFiles(image.stem, image, labels if labels.exists() else None))
    if not any(frame.labels for frame in frames):
        raise nothing_found(NAME, folder, "frames/ID.jpg with frames/ID.labels/labels_semantic.png")
    return FileDataset(NAME, frames, ROAD_ANOMALY_LABELS)


ROAD_ANOMALY = DatasetInfo(
    name=NAME,
    title="Road Anomaly (60 frames)",
    source="https://www.epfl.ch/labs/cvlab/data/road-anomaly",
    license="mixed, from the web (see the archive); research",
    open=open_road_anomaly,
    downloads=(
        Download(
            url="https://datasets-cvlab.epfl.ch/2019-road-anomaly/RoadAnomaly_jpg.zip",
            target="RoadAnomaly_jpg.zip",
            md5="87a0908e5c72827824693913cf2e4fb0",
        ),
    ),
)
