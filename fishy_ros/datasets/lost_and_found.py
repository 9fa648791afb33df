"""`lostandfound` and `lostandfound-noknown`: small obstacles on the road (Pinggera et al., IROS 2016)."""

from __future__ import annotations

from pathlib import Path

from fishy_ros.datasets.cityscapes_layout import check_split, find_cityscapes_frames
from fishy_ros.datasets.files import FileDataset, require_root
from fishy_ros.datasets.info import DatasetInfo, Download
from fishy_ros.datasets.label_mapping import LabelMapping
from fishy_ros.errors import DatasetError
from fishy_ros.types import IGNORED

NAME = "lostandfound"
NO_KNOWN = "lostandfound-noknown"

LOST_AND_FOUND_LABELS = LabelMapping(
    normal=frozenset({1}), anomaly=frozenset(range(2, 201)), ignored=frozenset({0}), other=IGNORED
)
"""Label ids: 0 background (not labelled), 1 free road, 2 to 200 obstacles; others are not used."""

KNOWN_SEQUENCES: tuple[str, ...] = (
    "15_Rechbergstr_Deckenpfronn",
    "01_Hanns_Klemm_Str_45_000006",
    "01_Hanns_Klemm_Str_45_000007",
    "10_Schlossberg_9_000004",
)
"""Test sequences with children and bicycles, which are no unknown objects (SegmentMeIfYouCan, appendix)."""

_SERVER = "http://www.dhbw-stuttgart.de/~sgehrig/lostAndFoundDataset"


def open_lost_and_found(root: Path | None, split: str = "test") -> FileDataset:
    """Open `leftImg8bit/` and `gtCoarse/` of a split (train, test).

    Everything but the road and the obstacles on it is unlabelled and ignored.

    Raises:
        DatasetError: the layout is not there.
        ConfigError: an unknown split.
    """
    folder = require_root(NAME, root)
    check_split(NAME, split, ("train", "test"))
    return FileDataset(NAME, find_cityscapes_frames(NAME, folder, split, "gtCoarse"), LOST_AND_FOUND_LABELS)


def open_lost_and_found_no_known(root: Path | None) -> FileDataset:
    """Open the test split without the sequences that show children and bicycles, as SegmentMeIfYouCan scores it.

    That benchmark also leaves out 17 frames in which nothing is labelled; here they stay, all ignored, which
    leaves every pixel metric as it is.

    Raises:
        DatasetError: the layout is not there, or holds nothing but the excluded sequences.
    """
    folder = require_root(NO_KNOWN, root)
    frames = find_cityscapes_frames(NO_KNOWN, folder, "test", "gtCoarse")
    kept = [frame for frame in frames if not frame.id.startswith(KNOWN_SEQUENCES)]
    if not kept:
        raise DatasetError(f"dataset {NO_KNOWN}: all {len(frames)} frames under {folder} are of excluded sequences")
    return FileDataset(NO_KNOWN, kept, LOST_AND_FOUND_LABELS)


LOST_AND_FOUND_DOWNLOADS = (
    Download(
        url=f"{_SERVER}/gtCoarse.zip",
        target="gtCoarse.zip",
        sha256="53b6d3ab000f08b1fb59d70c1398eecc4d82a7baf4e9cf74fbf60d1858abe9ac",
        size=37756896,
    ),
    Download(
        url=f"{_SERVER}/leftImg8bit.zip",
        target="leftImg8bit.zip",
        sha256="307f66002023ab597d309963b94990f5b9a8e5735ee729c3292647a66e9f2b18",
        size=5802953400,
    ),
)

LOST_AND_FOUND = DatasetInfo(
    name=NAME,
    title="Lost and Found (1203 test, 1036 training frames)",
    source="http://www.6d-vision.com/lostandfounddataset",
    license="non-commercial",
    open=open_lost_and_found,
    downloads=LOST_AND_FOUND_DOWNLOADS,
)

LOST_AND_FOUND_NO_KNOWN = DatasetInfo(
    name=NO_KNOWN,
    title="Lost and Found test without known objects (SegmentMeIfYouCan)",
    source="http://www.6d-vision.com/lostandfounddataset",
    license="non-commercial",
    open=open_lost_and_found_no_known,
    downloads=LOST_AND_FOUND_DOWNLOADS,
)
