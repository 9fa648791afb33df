"""`fishy detect`: from pictures, videos and bags to files, the same as the library finds them."""

import json
import os

import cv2
import numpy as np
import pytest
from backports import zstd

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import BagError, ConfigError
from fishy_ros.evaluation.detect.inputs import open_sources
from fishy_ros.imaging import resize_score
from fishy_ros.obstacles import RegionRules, find_regions

FRAMES = 5


def lines(out):
    return [json.loads(line) for line in (out / "regions.jsonl").read_text().splitlines()[1:]]


def test_a_folder_gives_what_the_library_finds_in_every_form(fishy, street, tiny_package, tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: no HDF5 is written")
    kinds = [part for kind in ("overlay", "mask", "npy", "png16", "hdf5") for part in ("--write", kind)]
    done = fishy(street / "pictures", "--out", tmp_path, "--threshold", 0.45, *kinds)
    assert done.exit_code == 0, done.output
    image = cv2.imread(str(street / "pictures" / "deeper" / "1.png"))
    with AnomalyDetector(tiny_package, "onnxruntime") as detector:
        detection = detector.detect(image)
    found = find_regions(detection.score, detection.labels, RegionRules(0.45))
    name = "deeper/1"
    assert np.array_equal(np.load(tmp_path / "npy" / f"{name}.npy"), detection.score)
    png = cv2.imread(str(tmp_path / "png16" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    assert png.dtype == np.uint16
    assert np.abs(png / 65535.0 - detection.score).max() <= 0.5 / 65535 + 1e-7
    mask = cv2.imread(str(tmp_path / "mask" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(mask, found.mask)
    with h5py.File(tmp_path / "hdf5" / f"{name}.hdf5") as file:
        assert np.array_equal(file["value"][()], resize_score(detection.score, 64, 128).astype(np.float16))
    assert cv2.imread(str(tmp_path / "overlay" / f"{name}.jpg")).shape == image.shape
    written = {line["image"]: line for line in lines(tmp_path)}
    assert set(written) == {"0", "2", "4", "deeper/1", "deeper/3"}
    boxes = [region["box"] for region in written[name]["regions"]]
    assert boxes == [[r.box.left, r.box.top, r.box.right, r.box.bottom] for r in found.regions]
    assert f"{FRAMES} images" in done.output


def test_videos_and_bags_become_videos_and_lines_with_stamps(fishy, street, tmp_path):
    done = fishy(street / "drive.mp4", street / "bag", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    for name in ("drive", "bag"):
        video = cv2.VideoCapture(str(tmp_path / "video" / f"{name}.mp4"))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
        assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    stamps = {line["image"]: line["stamp_s"] for line in lines(tmp_path)}
    assert stamps["drive/000003"] == pytest.approx(0.3)
    assert stamps["bag/000003"] == pytest.approx(1.3)


def test_a_video_whose_name_is_not_utf_8_is_read_and_written(fishy, street, tmp_path):
    video = tmp_path / os.fsdecode(b"drive \xff.mp4")
    video.write_bytes((street / "drive.mp4").read_bytes())
    done = fishy(video, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert len(lines(tmp_path / "out")) == FRAMES
    assert len(list((tmp_path / "out" / "video").iterdir())) == 1


def test_a_stopped_run_goes_on_and_ends_with_the_files_of_an_uninterrupted_one(fishy, street, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fishy(street / "pictures", "--out", whole, "--write", "npy")
    fishy(street / "pictures", "--out", parts, "--write", "npy", "--max-images", 2)
    journal = parts / "regions.jsonl"
    journal.write_text(journal.read_text() + '{"image": "4", "reg')  # as a power cut leaves it
    done = fishy(street / "pictures", "--out", parts, "--write", "npy")
    assert "3 images" in done.output
    assert "2 were done before" in done.output

    def found(out):
        return sorted((line["image"], str(line["regions"])) for line in lines(out))

    assert found(whole) == found(parts)
    assert sorted(p.name for p in (whole / "npy").rglob("*.npy")) == sorted(
        p.name for p in (parts / "npy").rglob("*.npy")
    )


def test_an_interrupted_video_is_made_anew(fishy, street, tmp_path):
    fishy(street / "drive.mp4", "--out", tmp_path)
    (tmp_path / "video" / "drive.mp4").unlink()
    done = fishy(street / "drive.mp4", "--out", tmp_path)
    assert f"{FRAMES} images" in done.output
    assert (tmp_path / "video" / "drive.mp4").is_file()
    assert len(lines(tmp_path)) == FRAMES


def test_other_settings_do_not_mix_with_an_earlier_run(fishy, street, tmp_path):
    fishy(street / "pictures", "--out", tmp_path)
    with pytest.raises(ConfigError, match=r"threshold 0\.5 -> 0\.7"):
        fishy(street / "pictures", "--out", tmp_path, "--threshold", 0.7)
    assert fishy(street / "pictures", "--out", tmp_path, "--threshold", 0.7, "--overwrite").exit_code == 0


def test_a_damaged_picture_is_named_and_the_others_go_on(fishy, street, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.png").write_bytes((street / "pictures" / "0.png").read_bytes())
    (folder / "bad.png").write_bytes(b"\x89PNG no more")
    done = fishy(folder, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "1 could not be read" in done.output
    assert {line["image"]: "error" in line for line in lines(tmp_path / "out")} == {"bad": True, "good": False}


def test_patterns_and_equal_names_give_every_image_a_name_of_its_own(street, tmp_path):
    (tmp_path / "0.jpg").write_bytes(b"")
    sources = open_sources([str(street / "pictures" / "**" / "*.png"), str(street / "pictures"), str(tmp_path)])
    names = [image.name for source in sources for image in source.images()]
    assert len(names) == len(set(names)) == 2 * FRAMES + 1
    assert names[:FRAMES] == ["0", "2", "4", "deeper/1", "deeper/3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nowhere.png", "no such file"),
        ("*.none", "no picture fits"),
        ("notes.txt", "expected a picture, a video or a bag"),
        ("empty", "no pictures in this folder"),
        ("broken.mp4", "cannot be opened: it is damaged, or this OpenCV lacks its codec"),
        ("3000000000", "no such file or folder"),
        ("", "an input is empty"),
    ],
)
def test_what_is_no_source_is_refused_by_name(tmp_path, text, expected):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "broken.mp4").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=expected) as failure:
        open_sources([text], root=tmp_path)
    assert text in str(failure.value)


def write_video(path, count):
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (128, 64))
    for index in range(count):
        video.write(np.full((64, 128, 3), 10 * index, np.uint8))
    video.release()


def test_a_video_that_breaks_off_says_how_many_frames_are_missing(fishy, tmp_path):
    write_video(tmp_path / "torn.avi", 12)
    content = (tmp_path / "torn.avi").read_bytes()
    (tmp_path / "torn.avi").write_bytes(content[: len(content) * 5 // 6])
    done = fishy(tmp_path / "torn.avi", "--out", tmp_path / "out")
    assert done.exit_code == 1
    (missing,) = [line["error"] for line in lines(tmp_path / "out") if "error" in line]
    found = len(lines(tmp_path / "out")) - 1
    assert 0 < found < 12
    assert f"states 12 frames, of which {found} can be decoded" in missing


def test_results_of_what_is_gone_do_not_stay_beside_new_ones(fishy, tmp_path):
    def results(kind):
        return sorted(file.name for file in (tmp_path / "out" / kind).rglob("*.*"))

    def detect(*options):
        assert fishy(tmp_path / "drive.avi", "--out", tmp_path / "out", *options).exit_code == 0

    write_video(tmp_path / "drive.avi", 6)
    detect("--write", "overlay", "--write", "mask")
    assert len(results("mask")) == 6
    write_video(tmp_path / "drive.avi", 2)
    detect("--write", "overlay", "--write", "mask")
    assert results("overlay") == ["000000.jpg", "000001.jpg"]
    assert results("mask") == ["000000.png", "000001.png"]
    detect("--write", "npy", "--overwrite")
    assert (results("overlay"), results("mask"), len(results("npy"))) == ([], [], 2)
    detect("--overwrite")
    assert results("video") == ["drive.mp4"]
    detect("--write", "npy", "--overwrite")
    assert results("video") == []


def test_pictures_alone_make_no_video_and_many_failures_are_counted(fishy, street, tmp_path):
    with pytest.raises(ConfigError, match="--write video: videos are made of videos, bags and cameras only"):
        fishy(street / "pictures", "--out", tmp_path / "out", "--write", "video")
    (tmp_path / "in").mkdir()
    for index in range(7):
        (tmp_path / "in" / f"{index}.png").write_bytes(b"\x89PNG no more")
    assert "and 2 more, in " in fishy(tmp_path / "in", "--out", tmp_path / "out").output


@pytest.mark.parametrize("ending", [".zstd", ".zst"])
def test_packed_bags_are_read(street, tmp_path, ending):
    (file,) = (street / "bag").glob("*.mcap")
    (tmp_path / f"drive.mcap{ending}").write_bytes(zstd.compress(file.read_bytes()))
    for text in (".", f"drive.mcap{ending}"):
        (source,) = open_sources([text], root=tmp_path)
        assert source.count == FRAMES


def test_a_ros_1_bag_is_named_with_its_converter(tmp_path):
    (tmp_path / "drive.bag").write_bytes(b"#ROSBAG V2.0\n")
    for text in (".", "drive.bag"):
        with pytest.raises(BagError, match=r"is a ROS 1 bag; convert it: .*rosbags-convert --src"):
            open_sources([text], root=tmp_path)


def test_hidden_files_are_no_pictures_and_links_to_nothing_are(tmp_path):
    (tmp_path / "._a.png").write_bytes(b"left by macOS")
    (tmp_path / "b.png").symlink_to(tmp_path / "not fetched")
    (source,) = open_sources(["."], root=tmp_path)
    assert [image.name for image in source.images()] == ["b"]


def test_drivable_classes_that_the_model_does_not_have_are_refused(fishy, street, tmp_path):
    with pytest.raises(ConfigError, match="no class 'moon'"):
        fishy(street / "pictures", "--out", tmp_path, "--drivable", "moon")
