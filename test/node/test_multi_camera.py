"""Several cameras in one process: topics and diagnostics of their own, one engine, fair under load."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
import rclpy
from sensor_msgs.msg import Image
from support.detector_bench import CAMERA, EVERYTHING, DetectorBench, header, image_message, node_command, values_of
from support.sources import python_path

from fishy_ros.node.cameras import make_nodes


def multi_command(*cameras: str, **parameters: object) -> list[str]:
    command = node_command(**parameters)
    at = command.index("--ros-args")
    return [*command[:at], "--cameras", *cameras, *command[at:]]


TOPICS = ("image", "image/compressed", "camera_info", "depth", "odom", "~/heatmap")


def topics_of(domain, namespace, *arguments):
    """Make the nodes in a process with a namespace of its own; returns the topics of each node by its full name."""
    rclpy.init(args=["--ros-args", "-r", f"__ns:={namespace}"], domain_id=domain)
    try:
        nodes = make_nodes(["--cameras", "front", "rear", "--namespace", namespace, *arguments])
        found = {node.get_fully_qualified_name(): [node.resolve_topic_name(one) for one in TOPICS] for node in nodes}
        for node in nodes:
            node.close()
    finally:
        rclpy.shutdown()
    return found


def test_cameras_below_a_namespace_have_names_and_topics_of_their_own(domain):
    assert topics_of(domain, "/robot") == {
        f"/robot/{camera}/detector": [
            f"/robot/{camera}/image_raw",
            f"/robot/{camera}/image_raw/compressed",
            f"/robot/{camera}/camera_info",
            f"/robot/{camera}/aligned_depth_to_color/image_raw",
            "/robot/odom",
            f"/robot/{camera}/detector/heatmap",
        ]
        for camera in ("front", "rear")
    }


def test_topics_that_begin_with_a_slash_stay_where_they_are(domain):
    patterns = {
        "--image-topic": "/sensors/{camera}/image_color/compressed",
        "--depth-topic": "/sensors/{camera}/depth",
        "--odometry-topic": "/odom",
    }
    found = topics_of(domain, "/robot", *(part for pair in patterns.items() for part in pair))
    assert found["/robot/front/detector"] == [
        "/sensors/front/image_color",
        "/sensors/front/image_color/compressed",
        "/sensors/front/camera_info",
        "/sensors/front/depth",
        "/odom",
        "/robot/front/detector/heatmap",
    ]


def test_without_a_namespace_cameras_are_at_the_root(domain):
    found = topics_of(domain, "/", "--camera-info-topic", "calibration/{camera}")
    assert found["/rear/detector"] == [
        "/rear/image_raw",
        "/rear/image_raw/compressed",
        "/calibration/rear",
        "/rear/aligned_depth_to_color/image_raw",
        "/odom",
        "/rear/detector/heatmap",
    ]


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
