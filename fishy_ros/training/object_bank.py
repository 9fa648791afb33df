"""Load every object that can be pasted."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fishy_ros.errors import TrainingError
from fishy_ros.training.config import OutlierFolders
from fishy_ros.training.object_crops import load_coco_folder, load_instances, load_rgba_folder
from fishy_ros.training.paste import ObjectBank
from fishy_ros.training.sources import read_image


def load_object_bank(root: Path, folders: OutlierFolders) -> ObjectBank:
    """Read object crops, distractors and textures below `root`.

    Raises:
        TrainingError: a folder is missing or empty.
    """
    if len(folders.rgba) != len(folders.erode):
        raise TrainingError(f"outliers: {len(folders.rgba)} rgba folders but {len(folders.erode)} erode values")
    groups = [load_rgba_folder(root / name, px) for name, px in zip(folders.rgba, folders.erode, strict=True)]
    outliers, distractors = load_coco_folder(root / folders.coco)
    instances = load_instances(root / folders.instance_images, root / folders.instances)
    textures = [read_image(path, cv2.IMREAD_COLOR) for path in sorted((root / folders.coco).glob("images/*/*.jpg"))]
    if not outliers or not distractors or not textures:
        raise TrainingError(f"{root / folders.coco}: no COCO photographs with polygons found")
    known = [group for group in (instances, distractors) if group]
    return ObjectBank([*groups, outliers], known, [np.asarray(texture, np.uint8) for texture in textures])
