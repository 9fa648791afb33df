"""What a folder of training images gives, and how a wrong one is refused."""

import dataclasses

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from fishy_ros.errors import ConfigError, DatasetError, TrainingError
from fishy_ros.training.sources import SourceConfig, TrainingSource, open_sources

H, W = 40, 80
CONFIG = SourceConfig("images", "labels", confidence="confidence", void_ids="void", horizon=0.4)


@pytest.fixture
def root(tmp_path):
    """Two images whose left half is road and right half a void thing, of which a teacher is half sure."""
    labels = np.zeros((H, W), np.uint8)
    labels[:, W // 2 :] = 255
    void = np.where(labels == 255, 5, 7)
    void[0] = 4
    maps = {"labels": labels, "confidence": np.full((H, W), 128), "void": void}
    for name in ("images", *maps):
        (tmp_path / name).mkdir()
    for stem in ("a", "b"):
        cv2.imwrite(str(tmp_path / f"images/{stem}.png"), np.full((H, W, 3), (10, 20, 30), np.uint8))
        for name, values in maps.items():
            cv2.imwrite(str(tmp_path / f"{name}/{stem}.png"), values.astype(np.uint8))
    return tmp_path


def load(root, config=CONFIG, max_width=W):
    return TrainingSource(root, config, max_width, root / "cache").load(0)


def test_an_image_comes_with_labels_outliers_and_confidence(root):
    image = load(root)
    assert image.image[0, 0].tolist() == [10, 20, 30]
    assert (image.labels[:, : W // 2] == 0).all()
    assert (image.labels[:, W // 2 :] == 255).all()
    assert (image.outlier[1:, : W // 2] == 0).all(), "7 has a class"
    assert (image.outlier[1:, W // 2 :] == 1).all(), "5 is a dynamic thing"
    assert (image.outlier[0] == 255).all(), "4 is a static thing: doubtful"
    assert (image.confidence == 128).all()
    assert image.horizon == 0.4


def test_labels_by_hand_are_sure_and_without_void_ids_nothing_is_an_outlier(root):
    image = load(root, SourceConfig("images", "labels"))
    assert (image.confidence == 255).all()
    assert (image.outlier == 0).all()


def test_void_things_are_ignored_where_they_are_no_outliers(root):
    (source,) = open_sources(root, [CONFIG], W, root / "cache", void_outliers=False)
    outlier = source.load(0).outlier
    assert (outlier[1:, : W // 2] == 0).all()
    assert (outlier[:, W // 2 :] == 255).all()
    assert load(root).outlier.max(initial=0, where=load(root).outlier < 255) == 1, "another store"


def test_wide_images_are_kept_smaller_with_all_their_maps(root):
    image = load(root, max_width=W // 2)
    assert image.image.shape == (H // 2, W // 2, 3)
    assert image.labels.shape == image.outlier.shape == image.confidence.shape == (H // 2, W // 2)
    assert set(np.unique(image.labels)) == {0, 255}


def test_nothing_is_learned_from_a_watermark(root):
    image = load(root, dataclasses.replace(CONFIG, ignore_box=(0.0, 0.5, 0.25, 1.0)))
    box = np.zeros((H, W), bool)
    box[H // 2 :, : W // 4] = True
    assert (image.labels[box] == 255).all()
    assert (image.outlier[box] == 255).all()
    plain = load(root)
    np.testing.assert_array_equal(image.labels[~box], plain.labels[~box])
    np.testing.assert_array_equal(image.outlier[~box], plain.outlier[~box])


@pytest.mark.parametrize("box", [(0.1,), (0.0, 0.0, 1.0, 2.0), (-0.1, 0.0, 1.0, 1.0)])
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(ConfigError, match="images: ignore_box"):
        SourceConfig("images", "labels", ignore_box=box)


@pytest.mark.parametrize("name", ["labels", "confidence", "void"])
def test_a_map_of_another_aspect_is_named(root, name):
    cv2.imwrite(str(root / name / "b.png"), np.zeros((H, H), np.uint8))
    with pytest.raises(TrainingError, match=rf"{name}/b\.png: shape \(40, 40\) does not fit an image of 80x40 px"):
        load(root)
    assert not list((root / "cache").glob("*.json"))


def test_a_map_of_another_size_but_the_same_aspect_fits(root):
    cv2.imwrite(str(root / "labels/a.png"), np.zeros((2 * H, 2 * W), np.uint8))
    assert (load(root).labels == 0).all()


@pytest.mark.parametrize("missing", ["labels/b.png", "confidence/a.png", "void/b.png"])
def test_an_incomplete_folder_is_named(root, missing):
    (root / missing).unlink()
    with pytest.raises(DatasetError, match=missing):
        load(root)


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(TrainingError, match="nowhere: the training data folder does not exist"):
        open_sources(tmp_path / "nowhere", [CONFIG], W, tmp_path)


def test_weight_and_horizon_change_without_decoding_again_but_other_labels_do_not(root):
    load(root)
    stores = set((root / "cache").glob("*.bytes"))
    other = dataclasses.replace(CONFIG, weight=3.0, horizon=0.1)
    assert load(root, other).horizon == 0.1
    assert set((root / "cache").glob("*.bytes")) == stores
    cv2.imwrite(str(root / "labels/a.png"), np.full((H, W), 4, np.uint8))
    assert (load(root).labels == 4).all()
