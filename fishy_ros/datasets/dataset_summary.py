"""Count what is there of each dataset under a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fishy_ros.datasets.folder import FOLDER, has_images_and_labels
from fishy_ros.datasets.info import DatasetInfo
from fishy_ros.errors import FishyError


@dataclass(frozen=True)
class DatasetSummary:
    """How many frames of a dataset were found, and where; `problem` says why there are none."""

    frames: int
    folder: Path | None
    problem: str | None = None


def count_frames(info: DatasetInfo, root: Path) -> DatasetSummary:
    """Count the frames of a dataset in `root/NAME`, or in `root` itself where there is no such folder.

    A root with plain `images/` and `labels/` counts as `folder` alone: nothing in it says which dataset it is.
    """
    folder = root / info.name if (root / info.name).is_dir() else root
    if folder == root and info is not FOLDER and has_images_and_labels(root):
        return DatasetSummary(0, None, f"{root} has plain images/ and labels/, see {FOLDER.name}")
    try:
        return DatasetSummary(len(info.open(folder if info.needs_root else None)), folder if info.needs_root else None)
    except FishyError as error:
        return DatasetSummary(0, None, str(error))
