"""`foggy-driving`, `foggy-zurich` and `wilddash`: hard streets with Cityscapes classes, for misclassification.

Fishyscapes (IJCV 2021, appendix A) scores all labelled frames of the three. Layouts and ids: the README files of Foggy
Driving (Sakaridis et al., IJCV 2018) and Foggy Zurich (ECCV 2018); the development kits of the Robust Vision Challenge
2018 and 2020 for WildDash 1 and 2 (Zendel et al., ECCV 2018 and CVPR 2022).
"""

from __future__ import annotations

from pathlib import Path

from fishy_ros.cityscapes import CAR, FENCE, ROAD, SKY, TRUCK
from fishy_ros.datasets.cityscapes import LAST_ID, TRAIN_IDS, label_meanings
from fishy_ros.datasets.cityscapes_layout import check_split, find_cityscapes_frames
from fishy_ros.datasets.files import FileDataset, FrameFiles, nothing_found, require_root
from fishy_ros.datasets.info import DatasetInfo
from fishy_ros.errors import ConfigError

FOGGY_DRIVING_NAME = "foggy-driving"
FOGGY_ZURICH_NAME = "foggy-zurich"
WILDDASH_NAME = "wilddash"

FOGGY_DRIVING_SPLITS: dict[str, str] = {"test": "gtFine", "test_extra": "gtCoarse"}
"""Parts, and the folders of their labels: 33 finely and 68 coarsely labelled frames."""

FOGGY_ZURICH_TRAIN_IDS = {train_id: ids for train_id, ids in TRAIN_IDS.items() if train_id not in (SKY, FENCE)}
"""Sky and fence are void, as in Fishyscapes."""

WILDDASH2_LAST_ID = 38
WILDDASH2_TRAIN_IDS = {
    **TRAIN_IDS,
    TRUCK: (*TRAIN_IDS[TRUCK], 34),  # pickup
    CAR: (*TRAIN_IDS[CAR], 35),  # van
    ROAD: (*TRAIN_IDS[ROAD], 38),  # road marking
}
"""WildDash 2 goes on behind the ids of Cityscapes, here by its own policy; 36 and 37, billboard and lamp, are void."""

WILDDASH_ARCHIVES: dict[str, tuple[str, str, str]] = {
    "1": ("wd_val_01", "*_labelIds.png", "ID_labelIds.png beside ID.png"),
    "2": ("wd_public_02", "labels/*.png", "labels/ID.png with images/ID.jpg"),
}
"""For each version the folder that its archive unpacks to, the labels in it, and the layout in words."""


def open_foggy_driving(root: Path | None, split: str = "all") -> FileDataset:
    """Open `leftImg8bit/` with `gtFine/` (split `test`) and `gtCoarse/` (split `test_extra`), or `all` of them.

    Raises:
        DatasetError: the layout is not there.
        ConfigError: an unknown split.
    """
    folder = require_root(FOGGY_DRIVING_NAME, root)
    check_split(FOGGY_DRIVING_NAME, split, ("all", *FOGGY_DRIVING_SPLITS))
    frames: list[FrameFiles] = []
    for part, truth in FOGGY_DRIVING_SPLITS.items():
        if split in ("all", part):
            frames += find_cityscapes_frames(FOGGY_DRIVING_NAME, folder, part, truth)
    return FileDataset(FOGGY_DRIVING_NAME, frames, *label_meanings(TRAIN_IDS, LAST_ID))


def open_foggy_zurich(root: Path | None) -> FileDataset:
    """Open the 40 labelled frames, `gt_labelIds/SEQUENCE/ID.png` with `RGB/SEQUENCE/ID.png`.

    Raises:
        DatasetError: the layout is not there.
    """
    folder = require_root(FOGGY_ZURICH_NAME, root)
    frames = [
        FrameFiles(f"{labels.parent.name}_{labels.stem}", folder / "RGB" / labels.parent.name / labels.name, labels)
        for labels in sorted((folder / "gt_labelIds").glob("*/*.png"))
    ]
    if not frames:
        raise nothing_found(FOGGY_ZURICH_NAME, folder, "gt_labelIds/SEQUENCE/ID.png with RGB/SEQUENCE/ID.png")
    return FileDataset(FOGGY_ZURICH_NAME, frames, *label_meanings(FOGGY_ZURICH_TRAIN_IDS, LAST_ID))


def open_wilddash(root: Path | None, version: str = "1") -> FileDataset:
    """Open the labelled frames of WildDash 1, as Fishyscapes does (70), or of WildDash 2.

    Version 1 has `ID_labelIds.png` beside `ID.png`, directly under `root` or in `wd_val_01/`, as the archive unpacks;
    version 2 has `images/ID.jpg` with `labels/ID.png`, likewise or in `wd_public_02/`.

    Raises:
        DatasetError: the layout is not there.
        ConfigError: an unknown version.
    """
    folder = require_root(WILDDASH_NAME, root)
    if version not in WILDDASH_ARCHIVES:
        raise ConfigError(
            f"dataset {WILDDASH_NAME}: version is {version!r}, expected one of {', '.join(WILDDASH_ARCHIVES)}"
        )
    below, pattern, looked_for = WILDDASH_ARCHIVES[version]
    found = [path for base in (folder, folder / below) for path in sorted(base.glob(pattern))]
    if not found:
        raise nothing_found(WILDDASH_NAME, folder, looked_for)
    if version == "1":
        images = [path.with_name(path.name.replace("_labelIds", "")) for path in found]
        meanings = label_meanings(TRAIN_IDS, LAST_ID)
    else:
        images = [path.parents[1] / "images" / f"{path.stem}.jpg" for path in found]
        meanings = label_meanings(WILDDASH2_TRAIN_IDS, WILDDASH2_LAST_ID)
    frames = [FrameFiles(image.stem, image, labels) for image, labels in zip(images, found, strict=True)]
    return FileDataset(WILDDASH_NAME, frames, *meanings)


FOGGY_DRIVING = DatasetInfo(
    name=FOGGY_DRIVING_NAME,
    title="Foggy Driving, for misclassification (101 frames)",
    source="https://people.ee.ethz.ch/~csakarid/SFSU_synthetic",
    license="non-commercial use (LICENSE.txt of the archive)",
    open=open_foggy_driving,
)

FOGGY_ZURICH = DatasetInfo(
    name=FOGGY_ZURICH_NAME,
    title="Foggy Zurich, for misclassification (40 labelled frames)",
    source="https://people.ee.ethz.ch/~csakarid/Model_adaptation_SFSU_dense",
    license="non-commercial use (LICENSE.txt of the archive)",
    open=open_foggy_zurich,
)

WILDDASH = DatasetInfo(
    name=WILDDASH_NAME,
    title="WildDash, for misclassification (70 frames of version 1; version 2 as well)",
    source="https://wilddash.cc/download (registration; wd_val_01 or wd_public_02)",
    license="WildDash terms",
    open=open_wilddash,
)
