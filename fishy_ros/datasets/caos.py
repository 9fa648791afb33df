"""`streethazards` and `bdd-anomaly` of the CAOS benchmark (Hendrycks et al., 2019 and ICML 2022)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from fishy_ros.datasets.cityscapes_layout import check_split
from fishy_ros.datasets.files import FileDataset, FrameFiles, nothing_found, require_root
from fishy_ros.datasets.images import IMAGE_SUFFIXES
from fishy_ros.datasets.info import DatasetInfo, Download
from fishy_ros.datasets.label_files import read_label_ids
from fishy_ros.datasets.label_mapping import LabelMapping
from fishy_ros.documents import parse_json, read_limited
from fishy_ros.errors import ConfigError, DatasetError

STREET_HAZARDS_NAME = "streethazards"
BDD_ANOMALY_NAME = "bdd-anomaly"
MAX_LIST_BYTES = 256 << 20

STREET_HAZARDS_LABELS = LabelMapping(frozenset(range(14)), frozenset({14}), frozenset())
"""Stored ids are the class plus one; class 13 is the anomaly. Unlabelled pixels count as normal, as they do there."""

STREET_HAZARDS_SPLITS: dict[str, str] = {"train": "training", "validation": "validation", "test": "test"}
"""Parts, and how their folders are called; only `test` has anomalies."""

BDD_ANOMALIES: dict[str, frozenset[int]] = {"2019": frozenset({18, 19}), "2022": frozenset({18, 19, 20})}
"""Stored ids (the train id plus two, 1 for others) that are anomalies: train and motorcycle, later bicycle, too."""


def open_street_hazards(root: Path | None, split: str = "test") -> FileDataset:
    """Open a part of StreetHazards: `train` (5,125 frames), `validation` (1,031) or `test` (1,500).

    The frames are those of `SPLIT.odgt`, or of `images/SPLIT/*/*.png` with `annotations/SPLIT/`, directly under `root`
    or in `train/` or `test/`, as the two archives unpack.

    Raises:
        DatasetError: the layout is not there, or the list is damaged.
        ConfigError: an unknown split.
    """
    folder = require_root(STREET_HAZARDS_NAME, root)
    check_split(STREET_HAZARDS_NAME, split, tuple(STREET_HAZARDS_SPLITS))
    part = STREET_HAZARDS_SPLITS[split]
    bases = [folder / ("test" if split == "test" else "train"), folder]
    for listed in (base / f"{split}.odgt" for base in bases):
        if listed.is_file():
            frames = read_odgt(STREET_HAZARDS_NAME, listed, folder)
            return FileDataset(STREET_HAZARDS_NAME, frames, STREET_HAZARDS_LABELS)
    base = next((base for base in bases if (base / "images" / part).is_dir()), folder)
    images = sorted(path for path in (base / "images" / part).glob("*/*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise nothing_found(STREET_HAZARDS_NAME, folder, f"{split}.odgt, or images/{part}/PLACE/N.png")
    frames = []
    for path in images:
        labels = base / "annotations" / part / path.parent.name / f"{path.stem}.png"
        frames.append(FrameFiles(f"{path.parent.name}_{path.stem}", path, labels if labels.exists() else None))
    return FileDataset(STREET_HAZARDS_NAME, frames, STREET_HAZARDS_LABELS)


def open_bdd_anomaly(root: Path | None, version: str = "2022") -> FileDataset:
    """Open the frames of `anom.odgt`: those BDD100K images in which an anomalous vehicle is labelled.

    Version `2022` (ICML paper and published code, 810 frames) has train, motorcycle and bicycle; version `2019` (first
    paper, 361 frames) has train and motorcycle alone. The list is the code's, so for `2019` the label map of every
    frame is read when the dataset is opened, and frames without either are left out.

    Raises:
        DatasetError: there is no list, it is damaged, or no frame is left.
        ConfigError: an unknown version.
    """
    folder = require_root(BDD_ANOMALY_NAME, root)
    if version not in BDD_ANOMALIES:
        raise ConfigError(
            f"dataset {BDD_ANOMALY_NAME}: version is {version!r}, expected one of {', '.join(BDD_ANOMALIES)}"
        )
    listed = next((path for path in (folder / "anom.odgt", folder / "data" / "anom.odgt") if path.is_file()), None)
    if listed is None:
        raise nothing_found(BDD_ANOMALY_NAME, folder, "anom.odgt (made by create_bdd_dataset.py of the benchmark)")
    frames = read_odgt(BDD_ANOMALY_NAME, listed, folder)
    anomalies = BDD_ANOMALIES[version]
    if version != "2022":
        frames = [each for each in frames if each.labels and np.isin(read_label_ids(each.labels), [*anomalies]).any()]
        if not frames:
            raise DatasetError(f"dataset {BDD_ANOMALY_NAME}: no frame of {listed} has a train or a motorcycle")
    return FileDataset(BDD_ANOMALY_NAME, frames, LabelMapping(frozenset(range(21)) - anomalies, anomalies, frozenset()))


def read_odgt(name: str, path: Path, root: Path) -> list[FrameFiles]:
    """Read a list of frames: one JSON array, or one JSON object a line, with `fpath_img` and `fpath_segm`.

    Paths in it are relative to `root`, or to `root/data`.

    Raises:
        DatasetError: the list is damaged, empty, or names a file that is missing.
    """
    frames = []
    for number, entry in enumerate(_parse(name, path)):
        if not (isinstance(entry, dict) and isinstance(entry.get("fpath_img"), str)):
            raise DatasetError(
                f"dataset {name}: {path}, entry {number}: expected an object with fpath_img, got {repr(entry)[:80]}"
            )
        image = _locate(name, path, root, entry["fpath_img"])
        segmentation = entry.get("fpath_segm")
        labels = _locate(name, path, root, segmentation) if isinstance(segmentation, str) else None
        frames.append(FrameFiles("_".join(Path(entry["fpath_img"]).with_suffix("").parts[-2:]), image, labels))
    if not frames:
        raise DatasetError(f"dataset {name}: {path} lists no frames")
    return frames


def _parse(name: str, path: Path) -> list[Any]:
    where = f"dataset {name}: {path}"
    entries: list[Any] = []
    for line in filter(None, (line.strip() for line in read_limited(path, MAX_LIST_BYTES, DatasetError).splitlines())):
        parsed = parse_json(line, where, DatasetError)
        entries += parsed if isinstance(parsed, list) else [parsed]
    return entries


def _locate(name: str, listed: Path, root: Path, relative: str) -> Path:
    if "\0" in relative or ".." in Path(relative).parts or Path(relative).is_absolute():
        raise DatasetError(f"dataset {name}: {listed} names {relative!r}, expected a path inside {root}")
    for base in (root, root / "data", listed.parent):
        if os.path.isfile(base / relative):  # unlike Path.is_file, False for a name that is too long
            return base / relative
    raise DatasetError(f"dataset {name}: {listed} names {relative}, which is not under {root}")


STREET_HAZARDS = DatasetInfo(
    name=STREET_HAZARDS_NAME,
    title="StreetHazards, simulated (1500 test frames; 5125 and 1031 to train and validate)",
    source="https://github.com/hendrycks/anomaly-seg",
    license="see the repository",
    open=open_street_hazards,
    downloads=(
        Download(
            url="https://people.eecs.berkeley.edu/~hendrycks/streethazards_test.tar",
            target="streethazards_test.tar",
        ),
    ),
)

BDD_ANOMALY = DatasetInfo(
    name=BDD_ANOMALY_NAME,
    title="BDD-Anomaly (810 frames; 361 in the version of 2019)",
    source="https://github.com/hendrycks/anomaly-seg (labels; images: BDD100K 10K set, registration)",
    license="images: BDD100K terms",
    open=open_bdd_anomaly,
)
