"""Plain folders, label mappings, and the errors for what does not fit."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishy_ros.datasets.images import natural_key, read_image
from fishy_ros.datasets.label_files import read_label_ids
from fishy_ros.datasets.label_mapping import LabelMapping, parse_label_mapping
from fishy_ros.datasets.registry import DATASETS, open_dataset
from fishy_ros.errors import ConfigError, DatasetError, UnreadableFileError
from fishy_ros.evaluation.sources.dataset_source import DatasetSource

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "eval"


def _folder(root: Path, names: list[str], labels: list[str] | None = None, suffix: str = ".png") -> Path:
    (root / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in names:
        cv2.imwrite(str(root / "images" / f"{name}{suffix}"), random.integers(0, 256, (6, 8, 3), np.uint8))
    if labels is not None:
        (root / "labels").mkdir()
        for name in labels:
            cv2.imwrite(str(root / "labels" / f"{name}.png"), random.choice([0, 1, 255], (6, 8)).astype(np.uint8))
    return root


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".jpg", ".PNG"])
def test_frames_are_paired_by_name_in_natural_order(tmp_path, suffix):
    root = _folder(tmp_path, ["10", "9", "b"], ["9", "10"], suffix)
    dataset = open_dataset("folder", root)
    assert [sample.id for sample in dataset] == ["9", "10", "b"]
    assert [sample.labels is not None for sample in dataset] == [True, True, False]
    np.testing.assert_array_equal(dataset[0].labels, cv2.imread(str(root / "labels/9.png"), cv2.IMREAD_UNCHANGED))
    np.testing.assert_array_equal(dataset[0].image, cv2.imread(str(root / f"images/9{suffix}")))


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    root = _folder(tmp_path, ["a", "b"], ["a", "b"])
    (root / "images" / "b.png").write_bytes(b"no image")
    dataset = open_dataset("folder", root)
    assert dataset[0].id == "a"
    with pytest.raises(DatasetError, match=r"b\.png: cannot be decoded as an image: 8 bytes are not a PNG"):
        dataset[1]


def test_a_folder_without_labels_has_none(tmp_path):
    assert [sample.labels for sample in open_dataset("folder", _folder(tmp_path, ["a"]))] == [None]


def test_hidden_files_are_no_frames_and_links_to_nothing_are(tmp_path):
    root = _folder(tmp_path, ["a"])
    (root / "images" / "._a.png").write_bytes(b"left by macOS")
    (root / "images" / "b.png").symlink_to(tmp_path / "not fetched")
    dataset = open_dataset("folder", root)
    assert [frame.id for frame in dataset.frames] == ["a", "b"]
    with pytest.raises(UnreadableFileError, match=r"b\.png: cannot be read: No such file"):
        dataset[1]


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_two_files_of_one_name_are_refused(tmp_path, kind):
    root = _folder(tmp_path, ["a"], ["a"])
    (root / kind / "a.tiff").write_bytes(b"")
    with pytest.raises(DatasetError, match=rf"{kind} holds a\.png and a\.tiff; expected one file per name"):
        open_dataset("folder", root)


def test_frames_without_labels_among_others_are_told_of(tmp_path):
    some = DatasetSource(open_dataset("folder", _folder(tmp_path / "some", ["a", "b", "c"], ["a"])))
    assert some.warnings == ("2 of 3 frames have no labels and are not scored; the first is b",)
    none = DatasetSource(open_dataset("folder", _folder(tmp_path / "none", ["a", "b"])))
    every = DatasetSource(open_dataset("folder", _folder(tmp_path / "every", ["a"], ["a"])))
    assert none.warnings == every.warnings == ()


def test_labels_without_an_image_are_told_of(tmp_path):
    some = DatasetSource(open_dataset("folder", _folder(tmp_path / "some", ["1"], ["1", "10", "9"])))
    assert some.warnings == ("2 label files have no image; the first is 9.png",)


def test_a_custom_mapping(tmp_path):
    root = _folder(tmp_path, ["a"], [])
    cv2.imwrite(str(root / "labels/a.png"), np.arange(48, dtype=np.uint8).reshape(6, 8))
    (sample,) = open_dataset("folder", root, labels="0-9=normal,20=anomaly,*=ignored")
    expected = np.full(48, 255)
    expected[:10], expected[20] = 0, 1
    np.testing.assert_array_equal(sample.labels, expected.reshape(6, 8))


def test_labels_outside_the_mapping_name_the_frame(tmp_path):
    root = _folder(tmp_path, ["a"], [])
    cv2.imwrite(str(root / "labels/a.png"), np.full((6, 8), 7, np.uint8))
    with pytest.raises(DatasetError, match=r"folder frame a .*label ids \[7\] are not in the mapping"):
        open_dataset("folder", root)[0]


def test_labels_of_another_size_name_both(tmp_path):
    root = _folder(tmp_path, ["a"], [])
    cv2.imwrite(str(root / "labels/a.png"), np.zeros((3, 4), np.uint8))
    with pytest.raises(DatasetError, match=r"labels are 4x3 .* the image is 8x6"):
        open_dataset("folder", root)[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root / "missing", "missing does not exist"),
        (lambda root: root, r"looked for images/NAME.png .* found an empty folder"),
        (lambda root: _folder(root, ["a"], ["b"]), r"none of the 1 files in .*labels \(such as b\) .* \(such as a\)"),
    ],
)
def test_what_is_no_dataset_says_why(tmp_path, make, message):
    with pytest.raises(DatasetError, match=message):
        open_dataset("folder", make(tmp_path))


def test_a_missing_root_and_wrong_names_are_answered_with_what_exists():
    with pytest.raises(DatasetError, match="needs its folder"):
        open_dataset("folder")
    with pytest.raises(DatasetError, match=f"unknown dataset 'x'; known: {', '.join(sorted(DATASETS))}"):
        open_dataset("x")
    with pytest.raises(DatasetError, match="has no option split; its options: labels"):
        open_dataset("folder", ".", split="a")


@pytest.mark.parametrize("text", ["0", "0=strange", "x=anomaly", "4-2=anomaly", "256=anomaly", "1=anomaly,0-3=normal"])
def test_a_malformed_mapping_is_refused(text):
    with pytest.raises(ConfigError, match="label mapping"):
        parse_label_mapping(text)


@given(st.lists(st.sampled_from(["normal", "anomaly", "ignored"]), min_size=256, max_size=256))
def test_a_mapping_maps_every_id_as_its_text_says(meanings):
    mapping = parse_label_mapping(",".join(f"{value}={meaning}" for value, meaning in enumerate(meanings)))
    labels = mapping.apply(np.arange(256, dtype=np.uint8).reshape(16, 16), "test")
    numbers = {"normal": 0, "anomaly": 1, "ignored": 255}
    assert labels.ravel().tolist() == [numbers[meaning] for meaning in meanings]


@given(st.sets(st.integers(0, 255)), st.integers(0, 255))
def test_only_unmapped_ids_are_refused(normal, value):
    mapping = LabelMapping(frozenset(normal), frozenset(), frozenset())
    ids = np.full((2, 2), value, np.uint8)
    if value in normal:
        assert not mapping.apply(ids, "test").any()
    else:
        with pytest.raises(DatasetError, match=rf"\[{value}\]"):
            mapping.apply(ids, "test")


@given(st.lists(st.text(alphabet="ab012", max_size=6)))
def test_natural_order_is_total_and_counts_numbers(names):
    ordered = sorted(names, key=natural_key)
    assert sorted(ordered, key=natural_key) == ordered
    digits = [name for name in ordered if name.isdigit()]
    assert [int(name) for name in digits] == sorted(int(name) for name in digits)


def test_label_pictures_with_equal_channels_are_read_as_ids_and_colors_refused(tmp_path):
    ids = np.arange(48, dtype=np.uint8).reshape(6, 8)
    cv2.imwrite(str(tmp_path / "equal.png"), cv2.merge([ids, ids, ids]))
    cv2.imwrite(str(tmp_path / "color.png"), cv2.merge([ids, ids, ids + 1]))
    cv2.imwrite(str(tmp_path / "deep.png"), ids.astype(np.uint16) * 100)
    np.testing.assert_array_equal(read_label_ids(tmp_path / "equal.png"), ids)
    with pytest.raises(DatasetError, match="found a color image"):
        read_label_ids(tmp_path / "color.png")
    with pytest.raises(DatasetError, match="expected label ids of 0 to 255, found 0 to 4700"):
        read_label_ids(tmp_path / "deep.png")
    with pytest.raises(DatasetError, match=r"none\.png: cannot be read"):
        read_image(tmp_path / "none.png")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared evaluation data are not here")
@pytest.mark.parametrize(
    ("name", "folder", "frames"),
    [
        ("fishyscapes-lostandfound", "fs_lost_and_found_dev", 30),
        ("folder", "fs_static_dev", 30),
        ("folder", "road_anomaly21_dev", 10),
    ],
)
def test_the_shared_evaluation_folders_open(name, folder, frames):
    dataset = open_dataset(name, SHARED / folder)
    assert len(dataset) == frames
    sample = dataset[0]
    assert sample.labels is not None
    assert sample.labels.shape == sample.image.shape[:2]
    assert 1 in sample.labels
