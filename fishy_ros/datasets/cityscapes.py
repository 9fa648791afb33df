"""`cityscapes`: finely labelled streets without anomalies, for mIoU (Cordts et al., CVPR 2016)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fishy_ros.cityscapes import LABEL_IDS
from fishy_ros.datasets.cityscapes_layout import check_split, find_cityscapes_frames
from fishy_ros.datasets.files import FileDataset, require_root
from fishy_ros.datasets.info import DatasetInfo
from fishy_ros.datasets.label_files import read_label_ids
from fishy_ros.datasets.label_mapping import LabelMapping
from fishy_ros.errors import DatasetError
from fishy_ros.types import IGNORED, LabelMap, Sample

NAME = "cityscapes"

_LAST_ID = 33


class CityscapesDataset(FileDataset):
    """Cityscapes frames, with the classes beside the (always normal) anomaly labels."""

    def __getitem__(self, index: int) -> Sample:
        """Read one frame; see `FileDataset`."""
        sample = super().__getitem__(index)
        return sample if sample.labels is None else replace(sample, classes=self.segmentation(index))

    def segmentation(self, index: int) -> LabelMap:
        """Read the train ids of a frame, uint8 `[H, W]`: 0 to 18, 255 for the classes that are not evaluated.

        Raises:
            DatasetError: the frame has no labels, or they cannot be read.
        """
        frame = self.frames[index]
        if frame.labels is None:
            raise DatasetError(f"dataset {NAME}: frame {frame.id} has no labels")
        table = np.full(256, IGNORED, np.uint8)
        table[list(LABEL_IDS)] = np.arange(len(LABEL_IDS))
        return table[read_label_ids(frame.labels)]


def open_cityscapes(root: Path | None, split: str = "val") -> CityscapesDataset:
    """Open `leftImg8bit/` and `gtFine/` of a split (train, val, test); labels are 0, or 255 for void classes.

    Raises:
        DatasetError: the layout is not there.
        ConfigError: an unknown split.
    """
    folder = require_root(NAME, root)
    check_split(NAME, split, ("train", "val", "test"))
    void = frozenset(range(_LAST_ID + 1)) - frozenset(LABEL_IDS)
    mapping = LabelMapping(frozenset(LABEL_IDS), frozenset(), void | {IGNORED})
    return CityscapesDataset(NAME, find_cityscapes_frames(NAME, folder, split, "gtFine"), mapping)


CITYSCAPES = DatasetInfo(
    name=NAME,
    title="Cityscapes, for segmentation (500 validation frames)",
    source="https://www.cityscapes-dataset.com/downloads (registration; leftImg8bit and gtFine)",
    license="Cityscapes terms (non-commercial)",
    open=open_cityscapes,
)
