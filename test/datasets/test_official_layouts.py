"""Every dataset is read from its official layout, built here in small."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fishy_ros.datasets.registry import DATASETS, open_dataset
from fishy_ros.errors import ConfigError, DatasetError

RANDOM = np.random.default_rng(0)


def _picture(path: Path) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = RANDOM.integers(0, 256, (4, 6, 3), np.uint8)
    assert cv2.imwrite(str(path), image, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return image


def _labels(path: Path, *ids: int) -> None:
    """Write a 4x6 picture that starts with `ids` and goes on with the last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.full(24, ids[-1], np.uint8)
    values[: len(ids)] = ids
    assert cv2.imwrite(str(path), values.reshape(4, 6))


def _first(labels: np.ndarray, count: int) -> list[int]:
    return labels.ravel()[:count].tolist()


def test_fishyscapes_lost_and_found_pairs_the_zip_with_lost_and_found(tmp_path):
    base = "04_Maurener_Weg_8_000000_000030"
    image = _picture(tmp_path / f"leftImg8bit/test/04_Maurener_Weg_8/{base}_leftImg8bit.png")
    _picture(tmp_path / "leftImg8bit/test/04_Maurener_Weg_8/04_Maurener_Weg_8_000000_000060_leftImg8bit.png")
    _labels(tmp_path / f"gtCoarse/test/04_Maurener_Weg_8/{base}_gtCoarse_labelIds.png", 5)
    _labels(tmp_path / f"fishyscapes_lostandfound/0000_{base}_labels.png", 0, 1, 255)
    dataset = open_dataset("fishyscapes-lostandfound", tmp_path)
    (sample,) = dataset
    assert sample.id == f"0000_{base}"
    np.testing.assert_array_equal(sample.image, image)
    assert _first(sample.labels, 3) == [0, 1, 255]


def test_fishyscapes_lost_and_found_names_a_missing_image(tmp_path):
    _labels(tmp_path / "0000_13_Elly_Beinhorn_Str_000000_000050_labels.png", 0)
    with pytest.raises(DatasetError, match=r"1 of 1 label files .* 13_Elly_Beinhorn_Str_000000_000050_leftImg8bit"):
        open_dataset("fishyscapes-lostandfound", tmp_path)


def test_fishyscapes_static_adds_the_overlay_to_the_cityscapes_image(tmp_path):
    base = "frankfurt_000000_000294"
    image = _picture(tmp_path / f"leftImg8bit/val/frankfurt/{base}_leftImg8bit.png")
    _labels(tmp_path / f"fs_val_v3/0000_{base}_labels.png", 0, 1)
    overlay = RANDOM.integers(-255, 256, (4, 6, 3))
    np.savez(tmp_path / f"fs_val_v3/0000_{base}_rgb.npz", rgb=overlay)
    (sample,) = open_dataset("fishyscapes-static", tmp_path)
    expected = np.clip(image[..., ::-1].astype(int) + overlay, 0, 255)[..., ::-1]
    np.testing.assert_array_equal(sample.image, expected)
    assert _first(sample.labels, 2) == [0, 1]


def test_fishyscapes_static_takes_finished_pictures_too(tmp_path):
    _labels(tmp_path / "0007_x_labels.png", 0, 1)
    image = _picture(tmp_path / "0007_x_rgb.png")
    (sample,) = open_dataset("fishyscapes-static", tmp_path)
    np.testing.assert_array_equal(sample.image, image)


@pytest.mark.parametrize("with_overlay", [False, True])
def test_fishyscapes_static_names_what_a_label_lacks(tmp_path, with_overlay):
    _labels(tmp_path / "0000_a_labels.png", 0)
    if with_overlay:
        np.savez(tmp_path / "0000_a_rgb.npz", rgb=np.zeros((4, 6, 3)))
    expected = "a_leftImg8bit.png, which is not there" if with_overlay else "lacks 0000_a_rgb.npz"
    with pytest.raises(DatasetError, match=expected):
        open_dataset("fishyscapes-static", tmp_path)


def test_a_damaged_overlay_is_named(tmp_path):
    _labels(tmp_path / "0000_a_labels.png", 0)
    _picture(tmp_path / "a_leftImg8bit.png")
    (tmp_path / "0000_a_rgb.npz").write_bytes(b"no archive")
    with pytest.raises(DatasetError, match=r"0000_a_rgb\.npz: expected NumPy arrays named rgb"):
        open_dataset("fishyscapes-static", tmp_path)[0]


def _lost_and_found(root: Path, frame: str, split: str = "test", *ids: int) -> None:
    place = frame.rsplit("_", 2)[0]
    _picture(root / f"leftImg8bit/{split}/{place}/{frame}_leftImg8bit.png")
    _labels(root / f"gtCoarse/{split}/{place}/{frame}_gtCoarse_labelIds.png", *(ids or (0,)))


def test_lost_and_found_labels_obstacles_on_the_road_and_nothing_else(tmp_path):
    _lost_and_found(tmp_path, "02_Hanns_Klemm_Str_44_000000_000020", "test", 0, 1, 2, 43, 200, 201, 255)
    _lost_and_found(tmp_path, "03_Hanns_Klemm_Str_19_000000_000020", "train")
    (sample,) = open_dataset("lostandfound", tmp_path)
    assert sample.id == "02_Hanns_Klemm_Str_44_000000_000020"
    assert _first(sample.labels, 7) == [255, 0, 1, 1, 1, 255, 255]
    assert len(open_dataset("lostandfound", tmp_path, split="train")) == 1
    with pytest.raises(ConfigError, match="split is 'val', expected one of train, test"):
        open_dataset("lostandfound", tmp_path, split="val")


def test_lost_and_found_no_known_leaves_out_children_and_bicycles(tmp_path):
    for frame in (
        "15_Rechbergstr_Deckenpfronn_000000_000010",
        "01_Hanns_Klemm_Str_45_000006_000010",
        "01_Hanns_Klemm_Str_45_000007_000010",
        "10_Schlossberg_9_000004_000010",
    ):
        _lost_and_found(tmp_path, frame)
    with pytest.raises(DatasetError, match=r"all 4 frames .* excluded"):
        open_dataset("lostandfound-noknown", tmp_path)
    _lost_and_found(tmp_path, "01_Hanns_Klemm_Str_45_000005_000010")
    _lost_and_found(tmp_path, "10_Schlossberg_9_000003_000010")
    assert [sample.id for sample in open_dataset("lostandfound-noknown", tmp_path)] == [
        "01_Hanns_Klemm_Str_45_000005_000010",
        "10_Schlossberg_9_000003_000010",
    ]


def test_lost_and_found_without_labels_says_where_they_were_expected(tmp_path):
    _picture(tmp_path / "leftImg8bit/test/02_A/02_A_000000_000020_leftImg8bit.png")
    with pytest.raises(DatasetError, match=r"gtCoarse/test/02_A/02_A_000000_000020_gtCoarse_labelIds\.png"):
        open_dataset("lostandfound", tmp_path)


@pytest.mark.parametrize(
    ("name", "folder", "suffix"),
    [("roadanomaly21", "dataset_AnomalyTrack", "jpg"), ("roadobstacle21", "dataset_ObstacleTrack", "webp")],
)
@pytest.mark.parametrize("inside", [False, True])
def test_segment_me_if_you_can(tmp_path, name, folder, suffix, inside):
    root = tmp_path / folder
    for frame in ("validation_2", "validation_10", "test_1"):
        _picture(root / f"images/{frame}.{suffix}")
        if frame.startswith("validation"):
            _labels(root / f"labels_masks/{frame}_labels_semantic.png", 0, 1, 255)
            _labels(root / f"labels_masks/{frame}_labels_semantic_color.png", 77)
    where = root if inside else tmp_path
    dataset = open_dataset(name, where)
    assert [sample.id for sample in dataset] == ["validation_2", "validation_10"]
    assert _first(dataset[0].labels, 3) == [0, 1, 255]
    everything = open_dataset(name, where, split="all")
    assert [sample.labels is None for sample in everything] == [True, False, False]


def test_road_obstacle21_leaves_out_what_the_official_validation_leaves_out(tmp_path):
    for number in (18, 19, 20, 21, 29, 30):
        _picture(tmp_path / f"images/validation_{number}.webp")
        _labels(tmp_path / f"labels_masks/validation_{number}_labels_semantic.png", 0)
    assert [sample.id for sample in open_dataset("roadobstacle21", tmp_path)] == [
        "validation_18",
        "validation_20",
        "validation_30",
    ]


@pytest.mark.parametrize("below", ["", "RoadAnomaly_jpg"])
def test_road_anomaly(tmp_path, below):
    _picture(tmp_path / below / "frames/animals01_calves.jpg")
    _labels(tmp_path / below / "frames/animals01_calves.labels/labels_semantic.png", 0, 1, 2, 255)
    (sample,) = open_dataset("roadanomaly", tmp_path)
    assert _first(sample.labels, 4) == [0, 0, 1, 255]


@pytest.mark.parametrize("listed", ["array", "lines", None])
def test_street_hazards(tmp_path, listed):
    _picture(tmp_path / "test/images/test/t5/300.png")
    _labels(tmp_path / "test/annotations/test/t5/300.png", 1, 13, 14)
    entry = {"fpath_img": "test/images/test/t5/300.png", "fpath_segm": "test/annotations/test/t5/300.png"}
    if listed == "array":
        (tmp_path / "test.odgt").write_text(json.dumps([{**entry, "width": 1280}]))
    elif listed == "lines":
        (tmp_path / "test.odgt").write_text(json.dumps(entry) + "\n\n")
    (sample,) = open_dataset("streethazards", tmp_path)
    assert sample.id == "t5_300"
    assert _first(sample.labels, 3) == [0, 0, 1]


def test_bdd_anomaly_counts_trains_motorcycles_and_bicycles(tmp_path):
    _picture(tmp_path / "seg/images/train/0004a4c0.jpg")
    _labels(tmp_path / "seg/train_labels/train/0004a4c0_train_id.png", 1, 2, 17, 18, 19, 20)
    entry = {
        "fpath_img": "seg/images/train/0004a4c0.jpg",
        "fpath_segm": "seg/train_labels/train/0004a4c0_train_id.png",
    }
    (tmp_path / "anom.odgt").write_text(json.dumps([entry]))
    (sample,) = open_dataset("bdd-anomaly", tmp_path)
    assert sample.id == "train_0004a4c0"
    assert _first(sample.labels, 6) == [0, 0, 0, 1, 1, 1]


def test_mapillary_says_classes_as_cityscapes_does(tmp_path):
    for number in range(3):
        _picture(tmp_path / f"validation/images/{number}.jpg")
        _labels(tmp_path / f"validation/labels/{number}.png", 13, 15, 19, 0, 65)  # road, sidewalk, person, bird, void
    samples = list(open_dataset("mapillary", tmp_path, frames=2))
    assert len(samples) == 2
    for sample in samples:
        assert _first(sample.classes, 5) == [0, 1, 11, 255, 255]
        assert _first(sample.labels, 5) == [0, 0, 0, 255, 255]
    assert len(open_dataset("mapillary", tmp_path, frames=0)) == 3


def test_foggy_driving_is_its_fine_and_its_coarse_part(tmp_path):
    fine, coarse = "public_20161213_083206", "web_fog_1"
    _picture(tmp_path / f"leftImg8bit/test/public/{fine}_leftImg8bit.png")
    _labels(tmp_path / f"gtFine/test/public/{fine}_gtFine_labelIds.png", 7, 23, 29)  # road, sky, caravan
    with pytest.raises(DatasetError, match=r"dataset foggy-driving: looked for leftImg8bit/test_extra/PLACE"):
        open_dataset("foggy-driving", tmp_path)
    _picture(tmp_path / f"leftImg8bit/test_extra/web/{coarse}_leftImg8bit.png")
    _labels(tmp_path / f"gtCoarse/test_extra/web/{coarse}_gtCoarse_labelIds.png", 26, 0)
    dataset = open_dataset("foggy-driving", tmp_path)
    assert [sample.id for sample in dataset] == [fine, coarse]
    assert _first(dataset[0].classes, 3) == [0, 10, 255]
    assert _first(dataset[1].labels, 2) == [0, 255]
    assert [sample.id for sample in open_dataset("foggy-driving", tmp_path, split="test_extra")] == [coarse]
    with pytest.raises(ConfigError, match="split is 'val', expected one of all, test, test_extra"):
        open_dataset("foggy-driving", tmp_path, split="val")


def test_foggy_zurich_opens_labelled_frames_without_sky_and_fence(tmp_path):
    frame = "GP010229/1508040913.0_frame_000955.png"
    image = _picture(tmp_path / "RGB" / frame)
    _picture(tmp_path / "RGB/GOPR0229/1508039851.0_frame_000001.png")
    _labels(tmp_path / "gt_labelIds" / frame, 7, 23, 13, 26, 0)  # road, sky, fence, car, unlabelled
    (sample,) = open_dataset("foggy-zurich", tmp_path)
    assert sample.id == "GP010229_1508040913.0_frame_000955"
    np.testing.assert_array_equal(sample.image, image)
    assert _first(sample.classes, 5) == [0, 255, 255, 13, 255]
    assert _first(sample.labels, 5) == [0, 255, 255, 0, 255]


@pytest.mark.parametrize("below", ["", "wd_val_01"])
def test_wilddash_1_has_the_ids_of_cityscapes(tmp_path, below):
    image = _picture(tmp_path / below / "cn0000_100000.png")
    _labels(tmp_path / below / "cn0000_100000_labelIds.png", 7, 33, 30)
    _labels(tmp_path / below / "cn0000_100000_instanceIds.png", 7)
    (sample,) = open_dataset("wilddash", tmp_path)
    assert sample.id == "cn0000_100000"
    np.testing.assert_array_equal(sample.image, image)
    assert _first(sample.classes, 3) == [0, 18, 255]
    _labels(tmp_path / below / "cn0000_100000_labelIds.png", 7, 38)
    with pytest.raises(DatasetError, match=r"wilddash frame cn0000_100000 .*label ids \[38\] are not in the mapping"):
        open_dataset("wilddash", tmp_path)[0]


@pytest.mark.parametrize("below", ["", "wd_public_02"])
def test_wilddash_2_adds_pickups_vans_and_markings(tmp_path, below):
    _picture(tmp_path / below / "images/us0035_100000.jpg")
    _labels(tmp_path / below / "labels/us0035_100000.png", 26, 34, 35, 36, 37, 38)
    (sample,) = open_dataset("wilddash", tmp_path, version="2")
    assert _first(sample.classes, 6) == [13, 14, 13, 255, 255, 0]
    assert _first(sample.labels, 6) == [0, 0, 0, 255, 255, 0]
    with pytest.raises(ConfigError, match="version is '3', expected one of 1, 2"):
        open_dataset("wilddash", tmp_path, version="3")
    (tmp_path / below / "images/us0035_100000.jpg").unlink()
    with pytest.raises(DatasetError, match=r"images/us0035_100000\.jpg"):
        open_dataset("wilddash", tmp_path, version="2")[0]


def test_the_first_bdd_anomaly_has_no_bicycles_and_leaves_their_frames_out(tmp_path):
    entries = []
    for name, ids in {"rides": (1, 18, 20), "bicycle": (1, 20), "train": (2, 18), "motorcycle": (2, 19)}.items():
        _picture(tmp_path / f"{name}.jpg")
        _labels(tmp_path / f"{name}.png", *ids)
        entries.append({"fpath_img": f"{name}.jpg", "fpath_segm": f"{name}.png"})
    (tmp_path / "anom.odgt").write_text(json.dumps(entries))
    first = open_dataset("bdd-anomaly", tmp_path, version="2019")
    assert _first(first[0].labels, 3) == [0, 1, 0]
    assert [sample.id for sample in first] == ["rides", "train", "motorcycle"]
    assert len(open_dataset("bdd-anomaly", tmp_path)) == 4


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(("split", "part"), [("train", "training"), ("validation", "validation")])
def test_street_hazards_opens_what_its_papers_train_on(tmp_path, split, part, listed):
    _picture(tmp_path / f"train/images/{part}/t1/9.png")
    _labels(tmp_path / f"train/annotations/{part}/t1/9.png", 1, 13, 0)
    if listed:
        entry = {"fpath_img": f"images/{part}/t1/9.png", "fpath_segm": f"annotations/{part}/t1/9.png"}
        (tmp_path / f"train/{split}.odgt").write_text(json.dumps([entry]))
    (sample,) = open_dataset("streethazards", tmp_path, split=split)
    assert sample.id == "t1_9"
    assert not sample.labels.any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a JSON document"),
        ("[" * 100_000, "not a JSON document"),
        (json.dumps({"fpath_img": "../x.png"}), "expected a path inside"),
        (json.dumps({"fpath_img": "/etc/hostname"}), "expected a path inside"),
        (json.dumps({"fpath_img": "a\0.png"}), "expected a path inside"),
        ("[]", "lists no frames"),
        ("[3]", "entry 0: expected an object with fpath_img, got 3"),
        ('{"fpath_img": "gone.png"}', "names gone.png, which is not under"),
        (b"\xff\xfe", "not a JSON document"),
    ],
)
def test_a_damaged_list_is_named(tmp_path, text, message):
    path = tmp_path / "anom.odgt"
    path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text)
    with pytest.raises(DatasetError, match=rf"anom\.odgt.*{message}"):
        open_dataset("bdd-anomaly", tmp_path)


def test_cityscapes_has_no_anomalies_but_classes(tmp_path):
    frame = "aachen_000000_000019"
    _picture(tmp_path / f"leftImg8bit/val/aachen/{frame}_leftImg8bit.png")
    _labels(tmp_path / f"gtFine/val/aachen/{frame}_gtFine_labelIds.png", 0, 1, 7, 8, 29, 33)
    dataset = open_dataset("cityscapes", tmp_path)
    assert _first(dataset[0].labels, 6) == [255, 255, 0, 0, 255, 0]
    assert _first(dataset[0].classes, 6) == [255, 255, 0, 1, 255, 18]
    assert _first(dataset[0].classes, 6) == [255, 255, 0, 1, 255, 18]


@pytest.mark.parametrize("name", sorted(name for name, info in DATASETS.items() if info.needs_root))
def test_an_empty_folder_says_what_was_looked_for_and_what_is_there(tmp_path, name):
    (tmp_path / "holiday.txt").write_text("")
    with pytest.raises(DatasetError, match=rf"dataset {name}: looked for .* under .*; found holiday\.txt"):
        open_dataset(name, tmp_path)
