"""`fishy replay --record`: everything the node hears and publishes, as readers see it that nobody here wrote."""

import _thread
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")

from fishy_ros.bags import BagWriter
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.errors import BagError
from fishy_ros.evaluation.live import topic_recorder
from fishy_ros.evaluation.live.run_replay import run_replay
from fishy_ros.evaluation.live.topic_recorder import TopicRecorder
from fishy_ros.evaluation.replay.domain import private_domain
from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions, ReplayRequest
from fishy_ros.evaluation.sources.open_source import SourceChoice

pytestmark = pytest.mark.live

FRAMES = 6


def record(tiny_package, folder, image_format, is_calibrated=True):
    """Play a rendered drive through the node and record it."""
    street = SyntheticStreet(FRAMES, height=96, width=192, seed=3)
    intrinsics = street.intrinsics if is_calibrated else None
    with BagWriter(folder / "street", image_format=image_format, intrinsics=intrinsics) as writer:
        for index, sample in enumerate(street):
            writer.write(sample, 10_000_000_000 + index * 100_000_000)
    out = folder / "drive.mcap"
    parameters = (("camera_height_m", str(street.camera_height)), ("threshold", "0.45"))
    live = LiveOptions(lockstep=True, parameters=parameters, record=out)
    choice = DetectorChoice(model=str(tiny_package.folder), runtime="onnxruntime")
    request = ReplayRequest(SourceChoice(bag=folder / "street"), choice, live=live)
    return out, run_replay(request, lambda stage, total: lambda done: None)


@pytest.fixture(scope="module")
def recorded(tiny_package, tmp_path_factory):
    return record(tiny_package, tmp_path_factory.mktemp("recorded"), "raw")


def test_topics_without_a_message_are_named(tiny_package, tmp_path, recorded):
    _, result = record(tiny_package, tmp_path, "raw", is_calibrated=False)
    (silent,) = [warning for warning in result.warnings if "no message on" in warning]
    assert "/detector/obstacles" in silent
    assert not [warning for warning in recorded[1].warnings if "no message on" in warning]


def test_the_official_reader_finds_every_topic_decoded_and_in_step(recorded):
    reader = pytest.importorskip("mcap_ros2.reader", reason="mcap-ros2-support is not installed")
    path, result = recorded
    messages = [(one.channel.topic, one.ros_msg) for one in reader.read_ros2_messages(str(path))]
    counts = Counter(topic for topic, _ in messages)
    for name in ("heatmap", "mask", "markers", "obstacles", "overlay/compressed", "segmentation", "camera_info"):
        assert counts[f"/detector/{name}"] >= FRAMES, (name, counts)
    assert counts["/detector/latency"] >= FRAMES
    assert counts["/detector/threshold"] == 1
    assert counts["/diagnostics"] >= 1
    assert counts["/camera/image_raw"] >= FRAMES
    by_topic = {topic: [m for name, m in messages if name == topic] for topic in counts}
    heatmaps = {(m.header.stamp.sec, m.header.stamp.nanosec): m for m in by_topic["/detector/heatmap"]}
    for mask in by_topic["/detector/mask"]:
        heatmap = heatmaps[mask.header.stamp.sec, mask.header.stamp.nanosec]
        score = np.frombuffer(bytes(heatmap.data), np.float32)
        assert np.array_equal(np.frombuffer(bytes(mask.data), np.uint8) == 255, score >= np.float32(0.45))
    assert any(cloud.width for cloud in by_topic["/detector/obstacles"])
    assert result.extra["recorded"]["messages"] == sum(counts.values())


def test_rerun_converts_the_recording(recorded, tmp_path):
    pytest.importorskip("rerun", reason="rerun-sdk is not installed")
    command = Path(sys.executable).with_name("rerun")
    done = subprocess.run(
        [str(command), "mcap", "convert", str(recorded[0]), "-o", str(tmp_path / "drive.rrd")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "drive.rrd").stat().st_size > 10_000


def test_what_is_there_already_is_not_overwritten(tmp_path):
    (tmp_path / "there.mcap").write_bytes(b"")
    with pytest.raises(BagError, match="exists already"):
        TopicRecorder(tmp_path / "there.mcap", "/detector", (), None)


@pytest.mark.parametrize("image_format", ["raw", "jpeg"])
def test_no_topic_is_waited_for_that_nobody_publishes(image_format, recorded, tiny_package, tmp_path):
    _, result = recorded if image_format == "raw" else record(tiny_package, tmp_path, image_format)
    assert not [warning for warning in result.all_warnings() if "not recorded" in warning]


def test_an_interrupted_start_leaves_nothing_behind(tmp_path):
    partial = tmp_path / ".drive.mcap.partial"

    def interrupt():
        while not partial.exists():
            time.sleep(0.05)
        time.sleep(0.5)
        _thread.interrupt_main()

    with private_domain() as domain:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            TopicRecorder(tmp_path / "drive.mcap", "/nobody", (), domain)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_has_left_is_in_nobodys_way(tmp_path, monkeypatch):
    monkeypatch.setattr(topic_recorder, "WAIT_S", 0.1)
    partial = tmp_path / ".drive.mcap.partial"
    partial.mkdir()
    (partial / "drive.mcap").write_bytes(b"half")
    with private_domain() as domain:
        TopicRecorder(tmp_path / "drive.mcap", "/nobody", (), domain).close()
    assert list(tmp_path.iterdir()) == [tmp_path / "drive.mcap"]


def test_the_files_of_a_bag_folder_are_called_by_it(tmp_path, monkeypatch):
    monkeypatch.setattr(topic_recorder, "WAIT_S", 0.1)
    with private_domain() as domain:
        TopicRecorder(tmp_path / "drive", "/nobody", (), domain).close()
    assert sorted(file.name for file in (tmp_path / "drive").iterdir()) == ["drive.mcap", "metadata.yaml"]
    assert list(tmp_path.iterdir()) == [tmp_path / "drive"]
