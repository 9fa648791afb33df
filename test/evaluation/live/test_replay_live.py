"""Replays through the real detector node over real DDS."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
import psutil
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from support.sources import python_path
from support.tiny_model import build_tiny_package

from fishy_ros.bags import BagWriter
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.live.replay_player import NodeAddress, ReplayPlayer
from fishy_ros.evaluation.live.replay_session import isolated_environment, replay_session
from fishy_ros.evaluation.live.run_live import run_live
from fishy_ros.evaluation.live.run_peak import run_peak
from fishy_ros.evaluation.live.run_replay import run_replay
from fishy_ros.evaluation.replay.detector_process import DetectorProcess, detector_command
from fishy_ros.evaluation.replay.domain import private_domain
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore
from fishy_ros.evaluation.replay.live import replay_live
from fishy_ros.evaluation.replay.play import Lockstep
from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions, ReplayRequest
from fishy_ros.evaluation.replay.run_offline import run_offline
from fishy_ros.evaluation.sources.bag_source import BagSource
from fishy_ros.evaluation.sources.dataset_source import DatasetSource
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.metrics.component import find_track

pytestmark = pytest.mark.live

FRAMES = 8
PERIOD_NS = 100_000_000


def no_stages(stage, total):
    return lambda done: None


@pytest.fixture(scope="module")
def street():
    return SyntheticStreet(FRAMES, height=96, width=192, seed=3)


@pytest.fixture(scope="module", params=["raw", "jpeg"])
def bag(request, street, tmp_path_factory):
    path = tmp_path_factory.mktemp("bags") / request.param
    with BagWriter(path, image_format=request.param) as writer:
        for index, sample in enumerate(street):
            writer.write(sample, 10_000_000_000 + index * PERIOD_NS)
    return path


@pytest.fixture(scope="module")
def choice(tiny_package):
    return DetectorChoice(model=str(tiny_package.folder), runtime="onnxruntime")


def detectors_below(process):
    return [child for child in process.children() if "fishy_ros.node.process" in child.cmdline()]


def metrics_of(result):
    pixel = result.score.pixel
    return np.array([pixel.ap, pixel.fpr95, pixel.auroc, pixel.best_f1])


def test_a_dataset_in_lockstep_loses_no_frame_and_scores_as_in_process(street, choice, tmp_path):
    source = DatasetSource(street)
    track = find_track("obstacle")
    live = run_live(source, choice, LiveOptions(), tmp_path, no_stages, track=track)
    offline = run_offline(source, choice, no_stages, track=track)
    assert live.score.component == offline.score.component
    assert (live.mode, offline.mode) == ("lockstep", "offline")
    assert (live.frames.played, live.frames.published, live.frames.dropped) == (FRAMES, FRAMES, 0)
    np.testing.assert_allclose(metrics_of(live), metrics_of(offline), rtol=0, atol=1e-6)
    assert live.source.sha256 == offline.source.sha256
    assert live.model == offline.model
    assert live.runtime == offline.runtime
    assert live.warnings == ()


def test_a_bag_in_lockstep_loses_no_frame_and_scores_as_in_process(bag, choice, tmp_path):
    source = BagSource(bag)
    live = run_live(source, choice, LiveOptions(lockstep=True), tmp_path, no_stages)
    offline = run_offline(source, choice, no_stages)
    assert (live.frames.played, live.frames.published, live.frames.dropped) == (FRAMES, FRAMES, 0)
    np.testing.assert_allclose(metrics_of(live), metrics_of(offline), rtol=0, atol=1e-6)


def test_a_bag_at_its_own_rate_takes_its_time_and_gives_every_stage_of_every_heatmap(bag, choice, tmp_path):
    live = run_live(BagSource(bag), choice, LiveOptions(), tmp_path, no_stages)
    assert live.mode == "live"
    assert live.frames.published + live.frames.dropped == FRAMES
    assert live.frames.published > FRAMES // 2, live.all_warnings()
    assert live.extra["play_seconds"] >= live.frames.published * PERIOD_NS / 1e9 / 2
    stages = live.latency_ms()
    assert {"receive", "decode", "resize", "inference", "publish", "total", "age", "round_trip"} <= stages.keys()
    assert {stage.count for stage in stages.values()} == {live.frames.published}
    assert stages["inference"].p50 < stages["total"].p50 < stages["round_trip"].p50


def test_a_flood_is_counted_and_the_dropped_frames_are_named(tmp_path):
    # A frame takes the detector far longer than the player needs to render it, on a busy machine too.
    slow = build_tiny_package(tmp_path / "slow", height=1024, width=2048)
    source = DatasetSource(SyntheticStreet(20, height=96, width=192, seed=3))
    options = LiveOptions(rate_hz=500.0)
    live = run_live(source, DetectorChoice(str(slow.folder), "onnxruntime"), options, tmp_path, no_stages)
    assert live.frames.played == 20
    assert live.frames.dropped > 0
    assert live.frames.published == 20 - live.frames.dropped
    assert any(warning.startswith(f"no heatmap for {live.frames.dropped} frames: 0000") for warning in live.warnings)


def test_a_model_that_does_not_exist_ends_the_replay_with_the_words_of_the_node(street, tmp_path):
    with pytest.raises(ReplayError, match=r"(?s)could not configure.*no such package") as caught:
        run_live(DatasetSource(street), DetectorChoice(model="no-such-model"), LiveOptions(), tmp_path, no_stages)
    assert str(tmp_path / "detector.log") in str(caught.value)


def test_a_detector_that_dies_ends_the_replay_at_once(choice, tmp_path):
    source = DatasetSource(SyntheticStreet(10_000, height=96, width=192))
    started = []

    def kill_after_three(stage, total):
        def progress(done):
            if stage == "playing" and done == 3 and not started:
                started.append(time.monotonic())
                for node in detectors_below(psutil.Process()):
                    node.kill()

        return progress

    with pytest.raises(ReplayError, match="the detector node ended"):
        run_live(source, choice, LiveOptions(), tmp_path, kill_after_three)
    assert time.monotonic() - started[0] < 60, "before it times out waiting for the next heatmap"


def test_a_running_node_elsewhere_is_scored(street, choice, tmp_path):
    source = DatasetSource(street)
    with private_domain() as domain:
        with replay_session(choice, LiveOptions(domain_id=domain), source.message_type, tmp_path):
            options = LiveOptions(attach="/detector", domain_id=domain)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
                attached = run_live(source, choice, options, tmp_path, no_stages)
    assert attached.mode == "attach"
    assert attached.frames.published == FRAMES
    np.testing.assert_allclose(
        metrics_of(attached), metrics_of(run_offline(source, choice, no_stages)), rtol=0, atol=1e-6
    )


def test_a_heatmap_of_another_encoding_is_noted_and_the_healthy_ones_are_heard(street, choice, tmp_path):
    source = DatasetSource(street)
    with replay_session(choice, LiveOptions(), source.message_type, tmp_path) as session, ExitStack() as stack:
        context = Context()
        rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)  # in the domain of the session
        stack.callback(context.try_shutdown)
        other = Node("other", context=context)
        stack.callback(other.destroy_node)
        publisher = other.create_publisher(Image, "/detector/heatmap", 10)
        deadline = time.monotonic() + 30
        while publisher.get_subscription_count() == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)

        def disturb(done):
            publisher.publish(Image(encoding="mono8", height=1, width=1, step=1, data=b"\0"))

        store = stack.enter_context(HeatmapStore(tmp_path))
        disturb(0)
        playback = replay_live(source, session.player, Lockstep(), store, disturb, session.detector)
    assert playback.published == FRAMES
    assert [note for note in playback.notes if "messages unread: a heatmap has the encoding 'mono8'" in note]


def test_a_node_that_is_not_there_is_named(street, tmp_path):
    environment = isolated_environment(0)
    with pytest.MonkeyPatch.context() as patch, private_domain() as domain:
        for name, value in environment.items():
            patch.setenv(name, value)
        address = NodeAddress("/nobody", domain_id=domain)
        words = f"after 1 s waiting for a publisher of /nobody/heatmap; is /nobody running in ROS_DOMAIN_ID {domain}"
        with ReplayPlayer(address, DatasetSource(street).message_type) as player:
            with pytest.raises(ReplayError, match=words):
                player.connect(check=lambda: None, timeout_s=1.0)


@pytest.mark.long
def test_the_peak_rate_is_found_and_its_runs_agree(choice):
    request = ReplayRequest(
        SourceChoice(dataset="synthetic", options=(("frames", 4), ("height", 96), ("width", 192))),
        detector=choice,
        live=LiveOptions(),
    )
    peak = run_peak(request, frames=20, start_stage=no_stages, runs=3)
    assert len(peak.counted) == 1
    assert len(peak.discarded) == 2
    assert all(trial.keeps_up for trial in (*peak.counted, *peak.discarded))
    assert peak.discarded[0].rate_hz <= peak.rate_hz <= peak.discarded[1].rate_hz


def test_without_ground_truth_there_is_latency_and_a_video_but_no_score(street, choice, tmp_path):
    bag, out = tmp_path / "bag", tmp_path / "out"
    with BagWriter(bag) as writer:
        for index, sample in enumerate(street):
            writer.write(type(sample)(sample.id, sample.image), 10_000_000_000 + index * PERIOD_NS)
    request = ReplayRequest(SourceChoice(bag=bag), choice, LiveOptions(lockstep=True), out)
    result = run_replay(request, no_stages)
    assert result.score.pixel is None
    assert result.latency_ms()["total"].count == FRAMES
    assert (out / "report.json").is_file()
    assert (out / "overlay.mp4").is_file() or (out / "overlay.webp").is_file()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_stops_the_detector_and_says_how_far_it_came(signal_number, choice, tmp_path):
    command = [sys.executable, "-u", "-m", "fishy_ros.commands.cli",
               "replay", "--dataset", "synthetic", "--option", "frames=100000", "--option", "height=96",
               "--option", "width=192", "--model", choice.model,
               "--out", str(tmp_path)]  # fmt: skip
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path(), "FORCE_COLOR": "1"},
        cwd=tmp_path,
    )
    shown = b""
    try:
        while not re.search(rb"[1-9]\d*/100000", shown):  # the bar that a terminal shows
            more = os.read(process.stderr.fileno(), 4096)
            assert more, shown.decode()
            shown += more
        (detector,) = detectors_below(psutil.Process(process.pid))
        process.send_signal(signal_number)
        _, rest = process.communicate(timeout=60)
        errors = (shown + rest).decode()
    finally:
        process.kill()
    assert process.returncode == 130
    played = re.search(r"interrupted while playing, (\d+) of 100000", errors)
    assert played, errors
    assert int(played[1]) > 0
    assert not detector.is_running()


def test_the_executable_replay_scores_a_running_detector_by_ros_parameters(street, choice, tmp_path):
    bag, out = tmp_path / "bag", tmp_path / "out"
    with BagWriter(bag) as writer:
        for index, sample in enumerate(street):
            writer.write(sample, 10_000_000_000 + index * PERIOD_NS)
    with private_domain() as domain:
        environment = {**isolated_environment(domain), "PYTHONPATH": python_path()}
        command = detector_command(choice)
        with DetectorProcess(command, environment, tmp_path / "detector.log") as detector:
            with pytest.MonkeyPatch.context() as patch:
                for name, value in environment.items():
                    patch.setenv(name, value)
                with ReplayPlayer(NodeAddress(), "sensor_msgs/msg/Image") as player:
                    player.start_node(detector.check)
            arguments = ["-p", f"bag:={bag}", "-p", f"out:={out}", "-p", "lockstep:=true"]
            done = subprocess.run(
                [sys.executable, "-m", "fishy_ros.evaluation.live.replay_node", "--ros-args", *arguments],
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=120,
            )
    assert done.returncode == 0, done.stderr
    assert f"{FRAMES} played, {FRAMES} published, 0 dropped" in done.stdout
    assert (out / "report.json").is_file()
