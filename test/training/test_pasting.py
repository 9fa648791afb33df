"""What the pasting of objects promises about labels."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from fishy_ros.training.augment import AugmentConfig, random_crop  # noqa: E402
from fishy_ros.training.class_balance import class_weights  # noqa: E402
from fishy_ros.training.losses import outlier_loss, segmentation_loss  # noqa: E402
from fishy_ros.training.object_bank import ObjectBank  # noqa: E402
from fishy_ros.training.object_crops import ObjectCrop, load_coco_folder, make_object_crop  # noqa: E402
from fishy_ros.training.paste import (  # noqa: E402
    PasteConfig,
    Scene,
    paste_ground_patch,
    populate,
)
from fishy_ros.training.procedural import random_object  # noqa: E402
from fishy_ros.training.sources import TrainingImage, void_outliers  # noqa: E402

H, W = 80, 160
CAR = 13


def scene():
    labels = np.zeros((H, W), np.uint8)
    labels[: H // 2] = 10
    image = np.full((H, W, 3), 100, np.uint8)
    return Scene(image, labels, np.full((H, W), 255, np.uint8), H / 2, np.zeros((H, W), np.uint8))


def bank():
    block = np.full((30, 20, 3), 240, np.uint8)
    alpha = np.ones((30, 20), np.float32)
    photo = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    return ObjectBank([[ObjectCrop(block, alpha)]], [[ObjectCrop(block, alpha, CAR)]], [photo])


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_every_anomalous_pixel_has_no_class_and_every_crop_keeps_normal_pixels(seed):
    crop = scene()
    populate(crop, bank(), PasteConfig(), np.random.default_rng(seed))
    assert set(np.unique(crop.outlier)) <= {0, 1, 255}
    assert (crop.labels[crop.outlier == 1] == 255).all()
    assert (crop.outlier == 0).any()


def test_distractors_keep_their_class_and_are_normal():
    found = 0
    for seed in range(20):
        crop = scene()
        config = PasteConfig(outliers=0.0, distractors=6.0, ground_patches=0.0, anywhere=0.0)
        populate(crop, bank(), config, np.random.default_rng(seed))
        found += int(((crop.labels == CAR) & (crop.outlier == 0)).sum())
        assert not ((crop.labels == CAR) & (crop.outlier == 1)).any()
    assert found > 0


def test_without_outliers_and_distractors_nothing_is_pasted():
    crop = scene()
    config = PasteConfig(outliers=0.0, distractors=0.0, ground_patches=0.0, markings=0.0)
    populate(crop, bank(), config, np.random.default_rng(0))
    np.testing.assert_array_equal(crop.image, scene().image)
    np.testing.assert_array_equal(crop.outlier, 0)


def test_patches_change_the_ground_but_no_label():
    crop = scene()
    for seed in range(5):
        paste_ground_patch(crop, bank().textures, np.random.default_rng(seed))
    assert (crop.image != 100).any()
    np.testing.assert_array_equal(crop.labels, scene().labels)
    np.testing.assert_array_equal(crop.outlier, 0)


def test_what_is_pasted_into_an_enlarged_image_is_as_soft_as_the_image():
    without_shadow = PasteConfig(outliers=0.01, distractors=0, ground_patches=0, markings=0, anywhere=1, procedural=0)
    steepest = {0.0: 0, 2.0: 0}
    for softness in steepest:
        for seed in range(8):
            street = scene()
            street.softness = softness
            populate(street, bank(), without_shadow, np.random.default_rng(seed))
            steepest[softness] += np.abs(np.diff(street.image.astype(int), axis=1)).max()
    assert 0 < steepest[2.0] < 0.7 * steepest[0.0]


def test_a_crop_is_as_soft_as_its_enlargement_has_made_it():
    labels = np.zeros((64, 128), np.uint8)
    source = TrainingImage(np.zeros((64, 128, 3), np.uint8), labels, labels, labels, 0.5)
    for reference, expected in ((128, 0.0), (256, 0.4 * 3**0.5)):
        config = AugmentConfig(
            height=64, width=128, reference_width=reference, scale=(1.0, 1.0), stretch=0.0, softness=0.4
        )
        crop = random_crop(source, config, np.random.default_rng(0))
        assert crop.softness == pytest.approx(expected)


def test_void_regions_of_cityscapes_are_outliers_or_ignored():
    assert void_outliers(np.uint8([[7, 5, 29, 1, 4, 26]])).tolist() == [[0, 1, 1, 255, 255, 0]]


def test_rare_classes_weigh_more_and_the_mean_over_pixels_is_one():
    shares = torch.tensor([0.7, 0.25, 0.05])
    weights = class_weights(shares, 1.1)
    assert weights[0] < weights[1] < weights[2]
    assert (weights * shares).sum().item() == pytest.approx(1)
    assert (weights[2] / weights[0]).item() == pytest.approx(np.log(1.8) / np.log(1.15))


def test_only_whole_people_of_photographs_become_distractors(tmp_path):
    (tmp_path / "images/a").mkdir(parents=True)
    (tmp_path / "labels/a").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images/a/0.jpg"), np.full((200, 200, 3), 90, np.uint8))
    standing = "0 0.1 0.1 0.3 0.1 0.3 0.9 0.1 0.9"
    lying = "0 0.1 0.1 0.9 0.1 0.9 0.4 0.1 0.4"
    (tmp_path / "labels/a/0.txt").write_text(f"{standing}\n{lying}\n")
    _, distractors = load_coco_folder(tmp_path)
    assert [crop.alpha.shape[0] > crop.alpha.shape[1] for crop in distractors] == [True]


def test_the_same_seed_pastes_the_same():
    first, second = scene(), scene()
    for crop in (first, second):
        populate(crop, bank(), PasteConfig(), np.random.default_rng(4))
    np.testing.assert_array_equal(first.image, second.image)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_procedural_objects_fill_their_box(seed):
    crop = random_object(np.random.default_rng(seed), bank().textures)
    solid = crop.alpha > 0.5
    assert solid.any(axis=1)[[0, -1]].all()
    assert solid.any(axis=0)[[0, -1]].all()


def test_a_cut_out_is_the_largest_piece():
    mask = np.zeros((50, 50), bool)
    mask[5:8, 5:8] = mask[20:40, 10:45] = True
    crop = make_object_crop(np.zeros((50, 50, 3), np.uint8), mask, erode=0)
    assert crop is not None
    assert crop.alpha.shape == (20, 35)


def test_losses_equal_their_closed_forms():
    score = torch.zeros(1, 2, 2)
    target = torch.tensor([[[1, 0], [0, 255]]], dtype=torch.uint8)
    expected = np.log(2) * (0.5 + 1 + 0.5)
    assert outlier_loss(score, target, 0.5, 0.5).item() == pytest.approx(expected)
    logits = torch.zeros(1, 19, 1, 2)
    labels = torch.tensor([[[4, 255]]], dtype=torch.uint8)
    assert segmentation_loss(logits, labels, torch.ones(1, 1, 2)).item() == pytest.approx(np.log(19))
