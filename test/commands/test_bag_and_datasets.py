"""`fishy bag` and `fishy datasets` as a user runs them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.command_line import output_of

from fishy_ros.bags import BagReader
from fishy_ros.datasets.registry import DATASETS
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.errors import FishyError


@pytest.fixture
def folder(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for number in range(5):
        image = np.full((8, 10, 3), number, np.uint8)
        cv2.imwrite(str(tmp_path / f"data/images/{number}.png"), image)
        cv2.imwrite(str(tmp_path / f"data/labels/{number}.png"), image[..., 0] % 2)
    return tmp_path / "data"


def test_a_synthetic_bag_holds_the_street_at_the_rate(tmp_path):
    output = output_of(
        "bag", "--frames", 4, "--seed", 5, "--height", 64, "--width", 128, "--rate", 20, "--out", tmp_path / "bag"
    )
    assert "4 frames (4 with labels), 0.2 s" in output
    street = SyntheticStreet(4, 64, 128, 5)
    with BagReader(tmp_path / "bag") as reader:
        frames = list(reader)
    assert np.diff([frame.stamp_ns for frame in frames]).tolist() == [50_000_000] * 3
    for frame, sample in zip(frames, street, strict=True):
        np.testing.assert_array_equal(frame.image, sample.image)
        np.testing.assert_array_equal(frame.labels, sample.labels)


def test_the_same_frames_give_the_same_bag(tmp_path):
    for name in ("a/bag", "b/bag"):
        output_of(
            "bag", "--frames", 2, "--height", 64, "--width", 128, "--compression", "zstd", "--out", tmp_path / name
        )
    first, second = ((tmp_path / name / "bag.mcap").read_bytes() for name in ("a/bag", "b/bag"))
    assert first == second


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("image_format", ["png", "jpeg"])
def test_a_folder_becomes_a_bag_cut_to_the_wanted_frames(tmp_path, folder, storage, image_format):
    output_of(
        *("bag", "--dataset", "folder", "--root", folder, "--frames", 3, "--storage", storage),
        *("--image-format", image_format, "--compression", "zstd", "--out", tmp_path / "bag"),
    )
    with BagReader(tmp_path / "bag") as reader:
        frames = list(reader)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 1, 2]
    assert [int(frame.labels[0, 0]) for frame in frames] == [0, 1, 0]


def test_dataset_options_reach_the_dataset(tmp_path, folder):
    output_of("bag", "--dataset", "folder", "--root", folder, "--option", "labels=*=anomaly", "--out", tmp_path / "bag")
    with BagReader(tmp_path / "bag") as reader:
        assert all(frame.labels.all() for frame in reader)
    assert "2 frames" in output_of(
        *("bag", "--option", "frames=2", "--option", "seed=1", "--option", "height=64", "--option", "width=128"),
        *("--out", tmp_path / "street"),
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "0"], "rate is 0.0 Hz"),
        (["--storage", "rosbag1"], "storage is 'rosbag1', expected one of mcap, sqlite3"),
        (["--image-format", "bmp"], "image format is 'bmp'"),
        (["--compression", "lz4"], "compression is 'lz4', expected one of none, zstd"),
        (["--dataset", "folder"], "dataset folder needs its folder"),
        (["--dataset", "cityscapes", "--seed", "3"], "has no option seed"),
        (["--frames", "1", "--distractors", "."], "--distractors needs --overlay"),
        (["--frames", "1", "--overlay", "nowhere"], "object crops: nowhere does not exist"),
        (["--dataset", "moon"], "unknown dataset 'moon'"),
    ],
)
def test_what_cannot_be_done_is_said_and_no_bag_is_left(tmp_path, arguments, message):
    with pytest.raises(FishyError, match=message):
        output_of("bag", *arguments, "--out", tmp_path / "bag")
    assert list(tmp_path.iterdir()) == []


def test_overlay_pastes_object_crops_by_the_seed(tmp_path):
    (tmp_path / "cut").mkdir()
    picture = np.full((20, 20, 4), 255, np.uint8)
    picture[..., :3] = (255, 0, 255)
    cv2.imwrite(str(tmp_path / "cut" / "a.png"), picture)
    street = ("--dataset", "synthetic", "--frames", 2, "--height", 128, "--width", 256)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        output_of("bag", *street, "--overlay", tmp_path / "cut", "--seed", seed, "--out", tmp_path / name / "bag")
    content = {name: (tmp_path / name / "bag" / "bag.mcap").read_bytes() for name in "abc"}
    assert content["a"] == content["b"] != content["c"]
    with BagReader(tmp_path / "a" / "bag") as reader:
        marked = [int((frame.labels == 1).sum()) for frame in reader]
    plain = [int((sample.labels == 1).sum()) for sample in SyntheticStreet(2, 128, 256, 1)]
    assert all(more > less for more, less in zip(marked, plain, strict=True))


def test_an_unreadable_frame_is_named_and_left_out(tmp_path, folder):
    (folder / "images" / "3.png").write_bytes(b"")
    output = output_of("bag", "--dataset", "folder", "--root", folder, "--out", tmp_path / "bag")
    assert "was left out" in output
    assert "3.png" in output
    assert f"{tmp_path / 'bag'}: 4 frames" in output
    with BagReader(tmp_path / "bag") as reader:
        assert len(list(reader)) == 4


def test_the_list_names_every_dataset_with_license_and_source():
    output = output_of("datasets")
    for info in DATASETS.values():
        assert f"{info.name}\n    {info.title}\n    from     {info.source}" in output
        assert f"license  {info.license}" in output


def test_the_list_counts_frames_under_the_root(folder):
    output = output_of("datasets", "--root", folder)
    assert f"folder: 5 frames in {folder}" in output
    assert "roadanomaly21: none found" in output, "plain folders belong to no dataset in particular"


def test_the_list_looks_into_a_folder_named_after_the_dataset(folder):
    folder.rename(folder.with_name("fishyscapes-static"))
    output = output_of("datasets", "--root", folder.parent)
    assert f"fishyscapes-static: 5 frames in {folder.with_name('fishyscapes-static')}" in output
    assert "lostandfound: none found (dataset lostandfound: looked for leftImg8bit/test" in output


def test_fetch_says_where_a_dataset_without_link_comes_from(tmp_path):
    with pytest.raises(
        FishyError, match=r"cityscapes has no public download link; get it from https://www\.cityscapes"
    ):
        output_of("datasets", "fetch", "cityscapes", "--root", tmp_path)
