"""`mapillary`: Mapillary Vistas with Cityscapes' classes, for misclassification (Neuhold et al., ICCV 2017).

Fishyscapes (IJCV 2021, appendix A) scores 50 random validation images with a mapping of classes of its own (its table
2). The mapping here is this project's reading of the class names.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from fishy_ros.datasets.cityscapes_layout import check_split
from fishy_ros.datasets.files import FileDataset, FrameFiles, nothing_found, require_root
from fishy_ros.datasets.images import image_files
from fishy_ros.datasets.info import DatasetInfo
from fishy_ros.datasets.label_mapping import LabelMapping, class_table
from fishy_ros.types import IGNORED

NAME = "mapillary"
FRAMES = 50

TRAIN_IDS: dict[int, tuple[int, ...]] = {
    0: (7, 8, 10, 13, 14, 23, 24, 41, 43),  # road: bike lane, crossing, parking, road, service lane, markings, ...
    1: (9, 11, 15),  # pavement: curb cut, pedestrian area, sidewalk
    2: (17,),
    3: (6,),
    4: (3,),
    5: (45, 47),  # pole, utility pole
    6: (48,),
    7: (50,),  # the front of a traffic sign
    8: (30,),
    9: (29,),
    10: (27,),
    11: (19,),
    12: (20, 21, 22),
    13: (55,),
    14: (61,),
    15: (54,),
    16: (58,),  # on rails
    17: (57,),
    18: (52,),
}
"""For each train id the classes of Vistas 1.2, by their place in its `config.json`; all others are void."""


def open_mapillary(root: Path | None, split: str = "validation", frames: int = FRAMES, seed: int = 0) -> FileDataset:
    """Open `SPLIT/images/ID.jpg` with `SPLIT/labels/ID.png` of Vistas 1.2: `frames` random ones, 0 for all.

    Raises:
        DatasetError: the layout is not there.
        ConfigError: an unknown split.
    """
    folder = require_root(NAME, root)
    check_split(NAME, split, ("training", "validation"))
    images = image_files(folder / split / "images")
    if not images:
        raise nothing_found(NAME, folder, f"{split}/images/ID.jpg with {split}/labels/ID.png")
    chosen = np.random.default_rng(seed).permutation(len(images))[: frames or None]
    files = []
    for image in (images[number] for number in sorted(chosen)):
        labels = folder / split / "labels" / f"{image.stem}.png"
        files.append(FrameFiles(image.stem, image, labels if labels.exists() else None))
    normal = frozenset(itertools.chain(*TRAIN_IDS.values()))
    mapping = LabelMapping(normal, frozenset(), frozenset(), other=IGNORED)
    return FileDataset(NAME, files, mapping, class_table(TRAIN_IDS))


MAPILLARY = DatasetInfo(
    name=NAME,
    title="Mapillary Vistas 1.2 with Cityscapes classes (50 random validation frames)",
    source="https://www.mapillary.com/dataset/vistas (registration)",
    license="CC BY-NC-SA 4.0",
    open=open_mapillary,
)
