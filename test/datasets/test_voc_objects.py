"""Objects cut out of Pascal VOC."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from fishy_ros.datasets.voc_objects import find_voc_objects
from fishy_ros.errors import DatasetError


def _write_numbers(path, ids):
    cv2.imwrite(str(path), ids.astype(np.uint8))


def _write_palette(path, ids):
    picture = Image.fromarray(ids.astype(np.uint8), mode="P")
    picture.putpalette([value * 7 % 256 for value in range(768)])
    picture.save(path)


@pytest.mark.parametrize("write", [_write_numbers, _write_palette])
def test_voc_gives_whole_objects_of_classes_that_cityscapes_lacks(tmp_path, write):
    for part in ("JPEGImages", "SegmentationObject", "SegmentationClass", "ImageSets/Segmentation"):
        (tmp_path / part).mkdir(parents=True)
    numbers, classes = np.zeros((120, 200), int), np.zeros((120, 200), int)
    for number, (kind, box) in enumerate(
        {
            (13, (20, 20, 60, 60)): None,  # a whole horse
            (12, (20, 80, 60, 140)): None,  # a whole dog
            (15, (70, 20, 110, 60)): None,  # a person: known
            (10, (60, 150, 120, 199)): None,  # a cow, cut by the lower edge
            (3, (2, 2, 12, 12)): None,  # a bird, too small
        },
        start=1,
    ):
        top, left, bottom, right = box
        numbers[top:bottom, left:right], classes[top:bottom, left:right] = number, kind
    numbers[60, 20:60] = classes[60, 20:60] = 255  # the void rim of the horse
    cv2.imwrite(str(tmp_path / "JPEGImages/a.jpg"), np.full((120, 200, 3), 80, np.uint8))
    write(tmp_path / "SegmentationObject/a.png", numbers)
    write(tmp_path / "SegmentationClass/a.png", classes)
    (tmp_path / "ImageSets/Segmentation/train.txt").write_text("a\n")
    (tmp_path / "ImageSets/Segmentation/val.txt").write_text("\n")
    found = find_voc_objects(tmp_path, "train")
    assert [each.kind for each in found] == ["horse", "dog"]
    horse = found[0].read()
    assert horse.image.shape == (40, 40, 3)
    assert horse.alpha.all()
    with pytest.raises(DatasetError, match="no whole object of"):
        find_voc_objects(tmp_path, "validation")
