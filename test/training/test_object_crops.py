"""Objects are cut out of pictures with alpha, and what cannot be cut out is named."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the training layer is not tested")

from fishy_ros.errors import TrainingError  # noqa: E402
from fishy_ros.training.object_crops import load_rgba_folder, make_object_crop  # noqa: E402


def save_rgba(path, side=40):
    """Write a picture whose square of 20 px in the middle is opaque."""
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[..., :3] = (10, 120, 230)
    rgba[10:30, 10:30, 3] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgba)


@pytest.mark.parametrize(("erode", "side"), [(0, 20), (2, 16)])
def test_every_picture_below_a_folder_is_cut_out_and_made_smaller(tmp_path, erode, side):
    save_rgba(tmp_path / "a.png")
    save_rgba(tmp_path / "deeper/b.png")
    (tmp_path / "notes.txt").write_text("no picture")
    found = load_rgba_folder(tmp_path, erode)
    assert [crop.alpha.shape for crop in found] == [(side, side)] * 2
    for crop in found:
        assert crop.train_id is None
        assert (crop.alpha == 1).all()
        np.testing.assert_array_equal(crop.color, np.broadcast_to(np.uint8([10, 120, 230]), (side, side, 3)))


def test_a_picture_without_alpha_is_named(tmp_path):
    cv2.imwrite(str(tmp_path / "opaque.png"), np.zeros((30, 30, 3), np.uint8))
    with pytest.raises(TrainingError, match=r"opaque\.png: expected an image with an alpha channel"):
        load_rgba_folder(tmp_path, 0)


def test_a_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(TrainingError, match="found"):
        load_rgba_folder(tmp_path, 0)


def test_a_large_object_is_reduced_to_256_px_and_keeps_its_shape():
    mask = np.zeros((600, 900), bool)
    mask[50:450, 100:900] = True
    crop = make_object_crop(np.full((600, 900, 3), 77, np.uint8), mask, erode=0)
    assert crop.alpha.shape == (128, 256)
    assert crop.color.shape == (128, 256, 3)
    assert (crop.color == 77).all()


def test_what_erosion_leaves_nothing_of_is_no_object():
    mask = np.zeros((30, 30), bool)
    mask[10:13, 10:13] = True
    assert make_object_crop(np.zeros((30, 30, 3), np.uint8), mask, erode=2) is None
