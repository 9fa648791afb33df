"""What the bank of objects and distractors promises."""

from collections import Counter

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from fishy_ros.errors import ConfigError, TrainingError
from fishy_ros.training.object_bank import HOLD_OUT, BankConfig, draw, load_object_bank
from fishy_ros.training.object_crops import ObjectCrop, cut_labelled_things

PERSON, CAR, ROAD = 11, 13, 0


def write_objects(folder, count):
    """Write objects that can be told apart by their color."""
    folder.mkdir(parents=True)
    for index in range(count):
        rgba = np.zeros((30, 20, 4), np.uint8)
        rgba[2:-2, 2:-2] = (index, 100, 200, 255)
        cv2.imwrite(str(folder / f"thing_{index:03}.png"), rgba)


def numbers(group):
    return {int(crop.color[crop.alpha > 0.5][0, 0]) for crop in group}


def test_what_is_held_out_is_never_trained_with(tmp_path):
    write_objects(tmp_path / "objects", 25)
    config = BankConfig(("objects",))
    (training,) = load_object_bank(tmp_path, config, tmp_path / "cache").objects
    (held_out,) = load_object_bank(tmp_path, config, tmp_path / "cache", held_out=True).objects
    assert numbers(training) | numbers(held_out) == set(range(25))
    assert not numbers(training) & numbers(held_out)
    assert len(held_out) == 25 // HOLD_OUT
    assert len(list((tmp_path / "cache").glob("*.bytes"))) == 1, "cut out once"


def test_a_group_is_drawn_by_the_square_root_of_its_size():
    groups = [[ObjectCrop(np.full((1, 1, 3), size, np.uint8), np.ones((1, 1), np.float32))] * size for size in (4, 100)]
    rng = np.random.default_rng(0)
    drawn = Counter(int(draw(groups, rng).color[0, 0, 0]) for _ in range(3000))
    assert drawn[100] / drawn[4] == pytest.approx((100 / 4) ** 0.5, rel=0.15)


def test_masks_are_made_smaller_by_folder(tmp_path):
    write_objects(tmp_path / "clean", 3)
    write_objects(tmp_path / "with_rim", 3)
    config = BankConfig(("clean", "with_rim"), erode=(0, 2))
    clean, eroded = load_object_bank(tmp_path, config, tmp_path / "cache").objects
    assert clean[0].alpha.shape == (26, 16)
    assert eroded[0].alpha.shape == (22, 12)


def write_streets(root, things):
    """Write one street for each list of (train id, left, top, width, height)."""
    for name in ("images", "labels"):
        (root / name).mkdir()
    for index, boxes in enumerate(things):
        labels = np.full((100, 200), ROAD, np.uint8)
        for train_id, x, y, w, h in boxes:
            labels[y : y + h, x : x + w] = train_id
        cv2.imwrite(str(root / f"labels/{index}.png"), labels)
        cv2.imwrite(str(root / f"images/{index}.png"), np.dstack([labels * 5] * 3))


def test_distractors_are_whole_things_of_their_class(tmp_path):
    write_streets(
        tmp_path,
        [
            [(CAR, 20, 20, 60, 40), (CAR, 120, 20, 40, 30), (CAR, 0, 70, 50, 25)],  # the last is cut off by the border
            [(PERSON, 20, 20, 15, 60), (PERSON, 60, 20, 60, 30), (CAR, 150, 40, 9, 6)],  # lying; too small
        ],
    )
    crops = cut_labelled_things(tmp_path / "images", tmp_path / "labels", 10)
    found = sorted((crop.train_id, crop.alpha.shape) for crop in crops)
    assert found == [(PERSON, (60, 15)), (CAR, (30, 40)), (CAR, (40, 60))]
    for crop in crops:
        assert (crop.color[crop.alpha > 0.5] == 5 * crop.train_id).all()


def test_as_many_distractors_of_a_class_are_cut_as_wanted_and_each_class_is_a_group(tmp_path):
    write_streets(tmp_path, [[(CAR, 20, 20, 60, 40), (PERSON, 120, 20, 15, 60)]] * 30)
    write_objects(tmp_path / "objects", 2)
    config = BankConfig(("objects",), distractor_images="images", distractor_labels="labels", distractors_per_class=20)
    people, cars = load_object_bank(tmp_path, config, tmp_path / "cache").distractors
    assert {crop.train_id for crop in people} == {PERSON}
    assert {crop.train_id for crop in cars} == {CAR}
    assert len(people) == len(cars) == 20 - 20 // HOLD_OUT


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(TrainingError, match="nowhere: no images"):
        load_object_bank(tmp_path, BankConfig(("nowhere",)), tmp_path / "cache")


def test_an_object_without_a_mask_is_named(tmp_path):
    (tmp_path / "objects").mkdir()
    cv2.imwrite(str(tmp_path / "objects/a.png"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(TrainingError, match=r"a\.png: expected an image with an alpha channel"):
        load_object_bank(tmp_path, BankConfig(("objects",)), tmp_path / "cache")


def test_images_and_labels_of_distractors_belong_together():
    with pytest.raises(ConfigError, match="only one is given"):
        BankConfig(("objects",), distractor_images="images")
