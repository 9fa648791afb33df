"""Several cameras in one process: topics and diagnostics of their own, one engine, fair under load."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from sensor_msgs.msg import Image
from support.detector_bench import CAMERA, EVERYTHING, DetectorBench, header, image_message, node_command, values_of
from support.sources import python_path


def multi_command(*cameras: str, **parameters: object) -> list[str]:
    command = node_command(**parameters)
    at = command.index("--ros-args")
    return [*command[:at], "--cameras", *cameras, *command[at:]]


@pytest.mark.alone
def test_two_cameras_share_a_process_fairly_under_load(domain, tmp_path, tiny_package):
    """One camera sends twice as many images as the other, both more than can be handled at full size."""
    quiet = {"drift_window_s": 0.0, "heatmap_size": "image"}
    command = multi_command("front", "rear", model=tiny_package.folder, runtime="onnxruntime", threads=1, **quiet)
    bench = DetectorBench(tmp_path / "detector.log", domain, command, "/front/detector", "/front/image_raw")
    try:
        rear = bench.node.create_publisher(Image, "/rear/image_raw", CAMERA)
        got = {"front": [], "rear": []}
        for camera, stamps in got.items():
            bench.node.create_subscription(
                Image, f"/{camera}/detector/heatmap", lambda m, s=stamps: s.append(m.header.frame_id), EVERYTHING
            )
        bench.wait_until_connected()
        bench.wait_until_connected(rear)
        image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
        ends, index = time.monotonic() + 4.0, 0
        while time.monotonic() < ends:
            index += 1
            bench.image.publish(image_message(image, header(index, "front_camera")))
            if index % 2:
                rear.publish(image_message(image, header(index, "rear_camera")))
            bench.spin_for(0.01)
        bench.spin_for(1.0)
        assert set(got["front"]) == {"front_camera"}
        assert set(got["rear"]) == {"rear_camera"}
        front, back = len(got["front"]), len(got["rear"])
        assert min(front, back) >= 5
        assert front <= 2.5 * back + 3, (front, back)
        assert back <= 2.5 * front + 3, (front, back)
        names = {status.name for status in bench.diagnostics}
        assert {"/front/detector: detector", "/rear/detector: detector"} <= names
        newest = {status.name: values_of(status) for status in bench.diagnostics}
        assert int(newest["/rear/detector: detector"]["frames_published"]) > 0
    finally:
        assert bench.close() == 0, bench.log()


def test_a_camera_that_is_named_twice_is_refused(tmp_path, domain):
    done = subprocess.run(
        [sys.executable, "-m", "fishy_ros.node.process", "--cameras", "front", "front"],
        env={**os.environ, "PYTHONPATH": python_path(), "ROS_DOMAIN_ID": str(domain)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "a different name for each camera" in done.stderr
