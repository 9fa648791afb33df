"""`fishy bench start` and `fishy bench memory` measure a real node in a process of its own."""

import json
from pathlib import Path

import cv2
import pytest
from support.command_line import output_of

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.bench.bus_path import THIS_NODE, PathRequest
from fishy_ros.evaluation.bench.memory import run_memory
from fishy_ros.model_package import ModelPackage

pytestmark = pytest.mark.live


def test_the_start_of_a_node_is_broken_down(tiny_package: ModelPackage, tmp_path: Path) -> None:
    out = tmp_path / "start.json"
    words = ("bench", "start", "--model", str(tiny_package.folder), "--runtime", "onnxruntime", "--size", "128x256")
    output_of(*words, "--rounds", "1", "--out", out)
    (method,) = json.loads(out.read_text())["bench"]["methods"]
    stages = {stage: summary["median"] for stage, summary in method["stages_ms"].items()}
    parts = [stages[stage] for stage in ("start", "connect", "first frame")]
    assert min(parts) > 0
    assert stages["total"] == pytest.approx(sum(parts))


def test_memory_is_read_a_hundred_times_while_every_frame_is_answered(
    tiny_package: ModelPackage, tmp_path: Path
) -> None:
    out = tmp_path / "memory.json"
    words = ("bench", "memory", "--model", str(tiny_package.folder), "--runtime", "onnxruntime", "--size", "128x256")
    output = output_of(*words, "--frames", "200", "--out", out)
    kept = json.loads(out.read_text())["memory"]
    assert kept["frames"] == list(range(2, 201, 2))
    assert kept["missing"] == 0
    assert all(20 < size < 2000 for size in kept["resident_mib"])
    assert "200 frames, 0 missing" in output
    assert cv2.imread(str(out.with_suffix(".png"))).std() > 5


def test_a_node_that_does_not_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="could not configure"):
        run_memory(PathRequest(THIS_NODE, str(tmp_path), frames=4, height=64, width=128))
