"""Objects of Pascal VOC 2012 that Cityscapes does not know, cut out by their masks (Everingham et al., IJCV 2010)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fishy_ros.datasets.images import read_image
from fishy_ros.datasets.label_files import read_label_ids
from fishy_ros.datasets.object_crops import ObjectCrop
from fishy_ros.errors import ConfigError, DatasetError

UNKNOWN_CLASSES: dict[int, str] = {
    1: "aeroplane",
    3: "bird",
    4: "boat",
    5: "bottle",
    8: "cat",
    9: "chair",
    10: "cow",
    12: "dog",
    13: "horse",
    17: "sheep",
    18: "sofa",
    20: "tvmonitor",
}
"""The twelve classes of Fishyscapes (IJCV 2021, section 3.1) by their VOC id."""

SMALLEST: int = 1024
"""Objects of fewer px than this are left out; this project's choice, the paper gives no number."""

LISTS: dict[str, str] = {"train": "train.txt", "validation": "val.txt", "all": "trainval.txt"}


@dataclass(frozen=True)
class VocObject:
    """One object of one image; `read` cuts it out."""

    image: Path
    objects: Path
    number: int
    kind: str

    def read(self) -> ObjectCrop:
        """Return its colors and a hard alpha, cropped to the object.

        Raises:
            DatasetError: the image or the mask cannot be read.
        """
        mask = read_label_ids(self.objects) == self.number
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        name = f"{self.kind}_{self.image.stem}_{self.number}"
        return ObjectCrop(name, np.ascontiguousarray(read_image(self.image)[box]), mask[box].astype(np.float32))


def is_voc(folder: Path) -> bool:
    """Tell whether a folder is laid out as `VOC2012`, which has object masks."""
    return (folder / "SegmentationObject").is_dir() and (folder / "JPEGImages").is_dir()


def find_voc_objects(folder: Path, split: str = "all") -> tuple[VocObject, ...]:
    """List whole objects of the unknown classes: those cut by the border of the image or too small are left out.

    Args:
        folder: `VOC2012` with `JPEGImages`, `SegmentationObject`, `SegmentationClass` and `ImageSets`.
        split: `train`, `validation` or `all`; the first two share no image, by VOC's own lists.

    Raises:
        DatasetError: a list or a mask is missing, or no object is left.
        ConfigError: the split is unknown.
    """
    if split not in LISTS:
        raise ConfigError(f"split of the objects is {split!r}, expected one of {', '.join(LISTS)}")
    names = folder / "ImageSets" / "Segmentation" / LISTS[split]
    if not names.is_file():
        raise DatasetError(f"VOC objects: {names} is missing")
    found: list[VocObject] = []
    for stem in names.read_text(encoding="utf-8").split():
        masks = folder / "SegmentationObject" / f"{stem}.png"
        numbers, classes = read_label_ids(masks), read_label_ids(folder / "SegmentationClass" / f"{stem}.png")
        rim = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
        for number in sorted(set(np.unique(numbers).tolist()) - {0, 255} - set(rim.tolist())):
            mask = numbers == number
            kind = UNKNOWN_CLASSES.get(int(np.bincount(classes[mask]).argmax()))
            if kind is not None and np.count_nonzero(mask) >= SMALLEST:
                found.append(VocObject(folder / "JPEGImages" / f"{stem}.jpg", masks, number, kind))
    if not found:
        raise DatasetError(f"VOC objects: no whole object of {', '.join(UNKNOWN_CLASSES.values())} in {names}")
    return tuple(found)
