"""Object crops in folders: found, split and read, or named where they are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fishy_ros.datasets.object_crops import find_object_crops, read_object_crop
from fishy_ros.errors import DatasetError


def test_objects_for_validation_are_no_objects_for_training(tmp_path):
    for number in range(40):
        cv2.imwrite(str(tmp_path / f"a{number}.png"), np.full((4, 4, 4), 255, np.uint8))
    parts = {split: set(find_object_crops(tmp_path, split)) for split in ("train", "validation", "all")}
    assert not parts["train"] & parts["validation"]
    assert parts["train"] | parts["validation"] == parts["all"]
    assert len(parts["train"]) > len(parts["validation"]) > 0


def test_object_crops_are_cropped_to_what_is_visible(tmp_path):
    disc = np.zeros((30, 30, 4), np.uint8)
    cv2.circle(disc, (15, 15), 12, (255, 0, 255, 255), -1)
    cv2.imwrite(str(tmp_path / "disc.png"), disc)
    (path,) = find_object_crops(tmp_path)
    assert read_object_crop(path).image.shape == (25, 25, 3)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((5, 5, 3), np.uint8), "expected an 8-bit RGBA image, found shape"),
        (np.zeros((5, 5, 4), np.uint8), "every pixel is transparent"),
    ],
)
def test_a_picture_that_is_no_object_crop_is_named(tmp_path, picture, message):
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    with pytest.raises(DatasetError, match=rf"a\.png.*{message}"):
        read_object_crop(tmp_path / "a.png")


def test_a_folder_without_object_crops_says_what_is_there(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DatasetError, match=r"no \.png, \.webp or \.tif .* found notes\.txt"):
        find_object_crops(tmp_path)
