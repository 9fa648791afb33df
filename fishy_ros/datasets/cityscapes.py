"""`cityscapes`: finely labelled streets without anomalies, for mIoU (Cordts et al., CVPR 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fishy_ros.cityscapes import LABEL_IDS
from fishy_ros.datasets.cityscapes_layout import check_split, find_cityscapes_frames
from fishy_ros.datasets.files import FileDataset, require_root
from fishy_ros.datasets.info import DatasetInfo
from fishy_ros.datasets.label_mapping import LabelMapping, class_table
from fishy_ros.types import IGNORED, LabelMap

NAME = "cityscapes"

LAST_ID = 33
TRAIN_IDS: Mapping[int, tuple[int, ...]] = {train_id: (label_id,) for train_id, label_id in enumerate(LABEL_IDS)}
"""For each train id the label ids of Cityscapes that it stands for."""


def open_cityscapes(root: Path | None, split: str = "val") -> FileDataset:
    """Open `leftImg8bit/` and `gtFine/` of a split (train, val, test); labels are 0, or 255 for void classes.

    Raises:
        DatasetError: the layout is not there.
        ConfigError: an unknown split.
    """
    folder = require_root(NAME, root)
    check_split(NAME, split, ("train", "val", "test"))
    frames = find_cityscapes_frames(NAME, folder, split, "gtFine")
    return FileDataset(NAME, frames, *label_meanings(TRAIN_IDS, LAST_ID))


def label_meanings(members: Mapping[int, tuple[int, ...]], last: int) -> tuple[LabelMapping, LabelMap]:
    """Say what the label ids 0 to `last` mean, and their train ids.

    Ids among the `members` of a train id are normal, the others and 255 are ignored, and ids beyond `last` are errors.
    """
    known = frozenset(label_id for ids in members.values() for label_id in ids)
    void = frozenset(range(last + 1)) - known
    return LabelMapping(known, frozenset(), void | {IGNORED}), class_table(members)


CITYSCAPES = DatasetInfo(
    name=NAME,
    title="Cityscapes, for segmentation (500 validation frames)",
    source="https://www.cityscapes-dataset.com/downloads (registration; leftImg8bit and gtFine)",
    license="Cityscapes terms (non-commercial)",
    open=open_cityscapes,
)
