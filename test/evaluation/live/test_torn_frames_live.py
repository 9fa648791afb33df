"""Torn and empty frames through the real node: each costs its own heatmap, and none ends the replay."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")

from support.torn_bag import write_torn_bag

from fishy_ros.evaluation.live.run_live import run_live
from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions
from fishy_ros.evaluation.sources.bag_source import BagSource

pytestmark = pytest.mark.live


@pytest.mark.parametrize("options", [LiveOptions(lockstep=True), LiveOptions(rate_hz=5.0)], ids=["lockstep", "timed"])
def test_a_replay_with_torn_frames_is_played_to_the_end_and_scored(street, tiny_package, tmp_path, no_stages, options):
    path = write_torn_bag(tmp_path / "bag", street, {0: "torn", 2: "empty", 3: "no message", 5: "noise"})
    choice = DetectorChoice(str(tiny_package.folder), "onnxruntime")
    started = time.monotonic()
    result = run_live(BagSource(path), choice, options, tmp_path, no_stages)
    assert time.monotonic() - started < 55
    assert (result.frames.played, result.frames.published, result.frames.dropped) == (6, 2, 4)
    assert [frame.id for frame in result.score.frames] == ["000001", "000004"]
    for index in (0, 2, 3, 5):
        assert any(line.startswith(f"frame 00000{index} cannot be read") for line in result.warnings)
