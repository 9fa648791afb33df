"""The launch file, run for real: arguments, namespace, remappings, middleware profile."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from support.detector_bench import DetectorBench, header, image_message, stamp_of, values_of
from support.launching import launch_command, make_prefix

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("launch_ros") is None, reason="launch_ros comes with a ROS 2 distribution"
)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The share folder of an install prefix that is known to the ament index."""
    prefix = tmp_path / "prefix"
    share = make_prefix(prefix)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    for variable in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(variable, raising=False)
    return share


def test_the_launched_node_listens_to_the_given_camera_in_the_given_namespace(
    domain, installed, tmp_path, tiny_package, street
):
    own = tmp_path / "own.yaml"
    own.write_text("/**:\n  ros__parameters:\n    runtime: onnxruntime\n    threads: 1\n    threshold: 0.125\n")
    arguments = [f"model:={tiny_package.folder}", f"params_file:={own}", "namespace:=front", "image_topic:=/cam/image"]
    command = launch_command(installed / "launch" / "detector.launch.py", *arguments)
    bench = DetectorBench(tmp_path / "launch.log", domain, command, "/front/detector", "/cam/image")
    try:
        bench.subscribe("heatmap", "overlay")
        bench.wait_until_connected()
        message = image_message(street, header(0))
        bench.image.publish(message)
        bench.spin_until(lambda: bench.received["heatmap"], "the heatmap")
        assert stamp_of(bench.received["heatmap"][0]) == stamp_of(message)
        status = bench.wait_for_diagnostics(lambda s: values_of(s)["frames_published"] == "1", "the frame")
        assert status.level != DiagnosticStatus.ERROR
        assert values_of(status)["runtime"].startswith("onnxruntime")
        assert bench.set_parameter("threshold", 0.25) == (True, "")
        node = next(pid for pid in Path("/proc").glob("[0-9]*") if is_detector(pid, installed.parents[1]))
        variables = (node / "environ").read_bytes().decode().split("\0")
        profile = next(v for v in variables if v.startswith("FASTDDS_DEFAULT_PROFILES_FILE="))
        assert profile.endswith("fastdds_large_images.xml")
    finally:
        assert bench.close() == 0, bench.log()
    assert "process has finished cleanly" in bench.log()


def is_detector(process: Path, prefix: Path) -> bool:
    try:
        return str(prefix / "lib" / "fishy_ros" / "detector") in (process / "cmdline").read_bytes().decode()
    except OSError:
        return False
