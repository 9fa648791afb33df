"""A second run into the same folder does what is new or has changed, and only that."""

import json
import os
import re
import shutil

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from support import command_line
from support.tiny_model import build_tiny_package

from fishy_ros.bags.messages import image_message, typestore
from fishy_ros.bags.topics import IMAGE_TYPE
from fishy_ros.bags.writer import METADATA_VERSION
from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.detect.outputs import SourceVideo, find_video
from fishy_ros.model_package import add_variants

FRAMES = 5


def lines(out):
    return [json.loads(line) for line in (out / "regions.jsonl").read_text().splitlines()[1:]]


def counts(result):
    """How many images were done, and how many were left out."""
    assert result.exit_code == 0, result.output
    found = [re.search(pattern, result.output) for pattern in (r"(\d+) images, ", r"(\d+) were done before")]
    return tuple(int(match[1]) if match else 0 for match in found)


def frames_of(video):
    return int(cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FRAME_COUNT))


@pytest.fixture
def videos(street, tmp_path):
    """Two videos of the same frames."""
    return [shutil.copy(street / "drive.mp4", tmp_path / name) for name in ("first.mp4", "second.mp4")]


def test_an_equally_named_picture_of_another_folder_is_done(fishy, street, tiny_package, tmp_path):
    out = tmp_path / "out"
    days = [tmp_path / day / "0001.png" for day in ("day1", "day2")]
    for number, picture in zip("02", days, strict=True):
        picture.parent.mkdir()
        shutil.copy(street / "pictures" / f"{number}.png", picture)
        assert counts(fishy(picture, "--out", out, "--write", "npy")) == (1, 0)
    with AnomalyDetector(tiny_package, "onnxruntime") as detector:
        expected = detector.detect(cv2.imread(str(days[1]))).score
    assert np.array_equal(np.load(out / "npy" / "0001.npy"), expected)
    (line,) = lines(out)
    assert line["source"]["path"] == str(days[1].resolve())
    assert counts(fishy(days[1], "--out", out, "--write", "npy")) == (0, 1)


def test_a_changed_picture_is_done_again_and_has_one_line(fishy, street, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(street / "pictures", folder)
    fishy(folder, "--out", out)
    os.utime(folder / "2.png", ns=(0, 0))
    assert counts(fishy(folder, "--out", out)) == (1, FRAMES - 1)
    assert sorted(line["image"] for line in lines(out)) == ["0", "2", "4", "deeper/1", "deeper/3"]


def test_another_camera_of_a_bag_is_done(fishy, street, tmp_path):
    image = cv2.imread(str(street / "pictures" / "0.png"))
    with Writer(tmp_path / "bag", version=METADATA_VERSION, storage_plugin=StoragePlugin.MCAP) as bag:
        for topic in ("/left", "/right"):
            camera = bag.add_connection(topic, IMAGE_TYPE, typestore=typestore())
            bag.write(camera, 10**9, image_message(image, "bgr8", 10**9, "camera"))
    out = tmp_path / "out"
    for topic in ("/left", "/right"):
        assert counts(fishy(tmp_path / "bag", "--out", out, "--image-topic", topic)) == (1, 0)
        assert [line["source"]["topic"] for line in lines(out)] == [topic]
    assert counts(fishy(tmp_path / "bag", "--out", out, "--image-topic", topic)) == (0, 1)


def test_results_of_another_precision_or_its_graph_do_not_mix(street, tmp_path):
    package = build_tiny_package(tmp_path / "tiny")
    package = add_variants(package, {"int8": package.graph_path})

    def run(*options):
        arguments = (street / "pictures", "--out", tmp_path / "out", "--model", package.folder, *options)
        return command_line.fishy("detect", *arguments, "--runtime", "onnxruntime")

    assert counts(run()) == (FRAMES, 0)
    with pytest.raises(ConfigError, match=r"precision 'fp32' -> 'int8'"):
        run("--precision", "int8")
    assert counts(run("--precision", "int8", "--overwrite")) == (FRAMES, 0)
    add_variants(package, {"int8": build_tiny_package(tmp_path / "coarse", stride=2).graph_path})
    with pytest.raises(ConfigError, match="model_sha256"):
        run("--precision", "int8")


def test_a_camera_is_never_resumed(fishy, street, tmp_path, monkeypatch):
    open_capture = cv2.VideoCapture
    monkeypatch.setattr(
        cv2, "VideoCapture", lambda what: open_capture(str(street / "drive.mp4") if what == 0 else what)
    )
    assert counts(fishy(0, "--out", tmp_path, "--max-images", 2)) == (2, 0)
    assert counts(fishy(0, "--out", tmp_path, "--max-images", 3)) == (3, 0)
    assert frames_of(tmp_path / "video" / "camera0.mp4") == 3
    assert counts(fishy(0, "--out", tmp_path, "--max-images", 2)) == (2, 0)
    assert [line["image"] for line in lines(tmp_path)] == ["camera0/000000", "camera0/000001"]


def test_overwriting_makes_every_video_anew(fishy, videos, tmp_path):
    out = tmp_path / "out"
    fishy(*videos, "--out", out, "--max-images", 2)
    assert counts(fishy(*videos, "--out", out, "--overwrite")) == (2 * FRAMES, 0)
    assert [frames_of(out / "video" / video.name) for video in videos] == [FRAMES, FRAMES]


def test_of_two_videos_only_the_changed_one_is_made_anew(fishy, videos, tmp_path):
    out = tmp_path / "out"
    fishy(*videos, "--out", out)
    before = [(out / "video" / video.name).stat().st_mtime_ns for video in videos]
    os.utime(videos[1], ns=(0, 0))
    assert counts(fishy(*videos, "--out", out)) == (FRAMES, FRAMES)
    after = [(out / "video" / video.name).stat().st_mtime_ns for video in videos]
    assert after[0] == before[0]
    assert after[1] > before[1]


def test_a_video_of_the_first_frames_is_replaced_by_one_of_all(fishy, videos, tmp_path):
    out = tmp_path / "out"
    assert counts(fishy(videos[0], "--out", out, "--max-images", 2)) == (2, 0)
    assert counts(fishy(videos[0], "--out", out)) == (FRAMES, 0)
    assert frames_of(out / "video" / "first.mp4") == FRAMES
    assert len(lines(out)) == FRAMES
    assert counts(fishy(videos[0], "--out", out, "--max-images", 2)) == (0, 2)
    assert frames_of(out / "video" / "first.mp4") == FRAMES


def test_a_video_that_was_begun_anew_and_interrupted_is_not_complete(tmp_path):
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "drive.mp4").write_bytes(b"of an earlier run")
    with pytest.raises(KeyboardInterrupt), SourceVideo(tmp_path, "drive", 10.0, 0.5):
        raise KeyboardInterrupt
    assert find_video(tmp_path, "drive") is None


@pytest.mark.parametrize(("name", "other"), [("run", "run.1"), ("d[1]", "d1")])
def test_the_video_of_a_source_is_found_by_its_exact_name(fishy, street, tmp_path, name, other):
    for stem in (name, other):
        shutil.copy(street / "drive.mp4", tmp_path / f"{stem}.mp4")
    out = tmp_path / "out"
    fishy(tmp_path / f"{other}.mp4", "--out", out)
    assert find_video(out, name) is None
    assert counts(fishy(tmp_path / f"{name}.mp4", "--out", out)) == (FRAMES, 0)
    assert find_video(out, name) == out / "video" / f"{name}.mp4"
    assert counts(fishy(tmp_path / f"{name}.mp4", "--out", out)) == (0, FRAMES)


def test_a_failure_keeps_its_line_where_a_later_source_is_done_again(fishy, videos, tmp_path):
    out = tmp_path / "out"
    fishy(videos[0], "--out", out)
    (out / "video" / "first.mp4").unlink()
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert fishy(tmp_path / "bad.png", videos[0], "--out", out).exit_code == 1
    assert [line["image"] for line in lines(out) if "error" in line] == ["bad"]
