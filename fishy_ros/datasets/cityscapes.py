"""`cityscapes`: finely labelled streets without anomalies, for mIoU (Cordts et al., CVPR 2016)."""

from __future__ import annotations

from pathlib import Path

from fishy_ros.cityscapes import LABEL_IDS
from fishy_ros.datasets.cityscapes_layout import check_split, find_cityscapes_frames
from fishy_ros.datasets.files import FileDataset, require_root
from fishy_ros.datasets.info import DatasetInfo
from fishy_ros.datasets.label_mapping import LabelMapping, class_table
from fishy_ros.types import IGNORED

NAME = "cityscapes"

_LAST_ID = 33


def open_cityscapes(root: Path | None, split: str = "val") -> FileDataset:
    """Open `leftImg8bit/` and `gtFine/` of a split (train, val, test); labels are 0, or 255 for void classes.

    Raises:
        DatasetError: the layout is not there.
        ConfigError: an unknown split.
    """
    folder = require_root(NAME, root)
    check_split(NAME, split, ("train", "val", "test"))
    void = frozenset(range(_LAST_ID + 1)) - frozenset(LABEL_IDS)
    mapping = LabelMapping(frozenset(LABEL_IDS), frozenset(), void | {IGNORED})
    classes = class_table({train_id: (label_id,) for train_id, label_id in enumerate(LABEL_IDS)})
    return FileDataset(NAME, find_cityscapes_frames(NAME, folder, split, "gtFine"), mapping, classes)


CITYSCAPES = DatasetInfo(
    name=NAME,
    title="Cityscapes, for segmentation (500 validation frames)",
    source="https://www.cityscapes-dataset.com/downloads (registration; leftImg8bit and gtFine)",
    license="Cityscapes terms (non-commercial)",
    open=open_cityscapes,
)
