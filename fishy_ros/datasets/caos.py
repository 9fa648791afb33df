"""`streethazards` and `bdd-anomaly` of the CAOS benchmark (Hendrycks et al., ICML 2022)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fishy_ros.datasets.files import FileDataset, FrameFiles, nothing_found, require_root
from fishy_ros.datasets.images import IMAGE_SUFFIXES
from fishy_ros.datasets.info import DatasetInfo, Download
from fishy_ros.datasets.label_mapping import LabelMapping
from fishy_ros.documents import parse_json, read_limited
from fishy_ros.errors import DatasetError

STREET_HAZARDS_NAME = "streethazards"
BDD_ANOMALY_NAME = "bdd-anomaly"
MAX_LIST_BYTES = 256 << 20

STREET_HAZARDS_LABELS = LabelMapping(frozenset(range(14)), frozenset({14}), frozenset())
"""Stored ids are the class plus one; class 13 is the anomaly. Unlabelled pixels count as normal, as they do there."""

BDD_ANOMALY_LABELS = LabelMapping(frozenset(range(18)), frozenset({18, 19, 20}), frozenset())
"""Stored ids are the train id plus two, 1 for others: train (16), motorcycle (17) and bicycle (18) are anomalies."""


def open_street_hazards(root: Path | None) -> FileDataset:
    """Open the test set: the frames of `test.odgt`, or `test/images/test/*/*.png` with `test/annotations/test/`.

    Raises:
        DatasetError: the layout is not there, or the list is damaged.
    """
    folder = require_root(STREET_HAZARDS_NAME, root)
    for listed in (folder / "test.odgt", folder / "test" / "test.odgt"):
        if listed.is_file():
            return FileDataset(
                STREET_HAZARDS_NAME, read_odgt(STREET_HAZARDS_NAME, listed, folder), STREET_HAZARDS_LABELS
            )
    base = folder / "test" if (folder / "test" / "images").is_dir() else folder
    images = sorted(path for path in (base / "images" / "test").glob("*/*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise nothing_found(STREET_HAZARDS_NAME, folder, "test.odgt, or test/images/test/PLACE/N.png")
    frames = []
    for path in images:
        labels = base / "annotations" / "test" / path.parent.name / f"{path.stem}.png"
        frames.append(FrameFiles(f"{path.parent.name}_{path.stem}", path, labels if labels.exists() else None))
    return FileDataset(STREET_HAZARDS_NAME, frames, STREET_HAZARDS_LABELS)


def open_bdd_anomaly(root: Path | None) -> FileDataset:
    """Open the frames of `anom.odgt`: those BDD100K images in which a train, motorcycle or bicycle is labelled.

    Raises:
        DatasetError: there is no list, or it is damaged.
    """
    folder = require_root(BDD_ANOMALY_NAME, root)
    listed = next((path for path in (folder / "anom.odgt", folder / "data" / "anom.odgt") if path.is_file()), None)
    if listed is None:
        raise nothing_found(BDD_ANOMALY_NAME, folder, "anom.odgt (made by create_bdd_dataset.py of the benchmark)")
    return FileDataset(BDD_ANOMALY_NAME, read_odgt(BDD_ANOMALY_NAME, listed, folder), BDD_ANOMALY_LABELS)


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
    title="StreetHazards test, simulated (1500 frames)",
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
    title="BDD-Anomaly (810 frames)",
    source="https://github.com/hendrycks/anomaly-seg (labels; images: BDD100K 10K set, registration)",
    license="images: BDD100K terms",
    open=open_bdd_anomaly,
)
