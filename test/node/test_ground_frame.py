"""The ground by tf, where tf2_ros is installed: points in the frame of the car, against the mounting as numbers."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo
from support.detector_bench import header, heatmap_of, image_message, stamp_of

from fishy_ros.node.obstacle_messages import CLOUD_DTYPE
from fishy_ros.obstacles import Camera, GroundPlane, Intrinsics, RegionRules, find_regions, ground_points

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tf2_ros") is None, reason="tf2_ros comes with a ROS 2 distribution"
)

HEIGHT_M, AHEAD_M, PITCH = 1.5, 0.4, math.radians(2.0)
OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""From the optical frame (x right, y down, z forward) to the car's (x forward, y left, z up), as REP 103 has them."""
TURN = Rotation.from_euler("y", PITCH).as_matrix() @ OPTICAL


def mounted_at(bench, frame_id: str, height_m: float):
    """Tell tf where the camera is."""
    from tf2_ros import StaticTransformBroadcaster

    x, y, z, w = Rotation.from_matrix(TURN).as_quat().tolist()
    transform = TransformStamped(header=header(0, frame_id), child_frame_id="camera")
    transform.transform.translation = Vector3(x=AHEAD_M, z=height_m)
    transform.transform.rotation = Quaternion(x=x, y=y, z=z, w=w)
    broadcaster = StaticTransformBroadcaster(bench.node)
    broadcaster.sendTransform(transform)
    return broadcaster


def play(bench, street, index: int):
    message = image_message(street, header(index, "camera"))
    matrix = [100.0, 0.0, 79.5, 0.0, 100.0, 31.5, 0.0, 0.0, 1.0]
    bench.camera_info.publish(CameraInfo(header=message.header, height=96, width=160, k=matrix))
    bench.spin_for(0.2)
    before = len(bench.received["obstacles"])
    bench.image.publish(message)
    bench.spin_until(lambda: len(bench.received["obstacles"]) > before, "the points")
    return message


def test_points_are_in_the_frame_on_the_ground_as_if_the_mounting_had_been_given(start_detector, street):
    bench = start_detector(threshold=0.4, ground_frame="base_footprint")
    bench.subscribe("heatmap", "obstacles", "markers")
    bench.wait_until_connected()
    play(bench, street, 1)
    assert bench.received["obstacles"][-1].width == 0
    bench.wait_for_diagnostics(
        lambda s: "no transform from 'camera' to 'base_footprint'" in s.message, "what is missing"
    )
    broadcaster = mounted_at(bench, "base_footprint", HEIGHT_M)
    bench.spin_for(1.0)
    message = play(bench, street, 2)
    cloud = bench.received["obstacles"][-1]
    assert (stamp_of(cloud), cloud.header.frame_id) == (stamp_of(message), "base_footprint")
    bench.spin_until(lambda: len(bench.received["markers"]) == 2, "the markers")
    assert {one.header.frame_id for one in bench.received["markers"][1].markers} == {"base_footprint"}
    points = np.frombuffer(bytes(cloud.data), CLOUD_DTYPE)
    score = heatmap_of(bench.received["heatmap"][-1])
    rows, columns = score.shape
    across, down = columns / 160, rows / 96
    camera = Camera(Intrinsics(100.0 * across, 100.0 * down, 80.0 * across - 0.5, 32.0 * down - 0.5), columns, rows)
    regions = find_regions(score, None, RegionRules(0.4)).regions
    placed = ground_points([one.box for one in regions], camera, GroundPlane.mounted(HEIGHT_M, PITCH))
    assert placed
    expected = np.concatenate([one.points for one in placed]) @ TURN.T + [AHEAD_M, 0.0, HEIGHT_M]
    assert np.stack([points["x"], points["y"], points["z"]], axis=1) == pytest.approx(expected, abs=1e-3)
    heights = np.concatenate([np.full(len(one.points), one.height_m / 2) for one in placed])
    assert points["z"] == pytest.approx(heights, abs=1e-3)
    bench.node.destroy_publisher(broadcaster.pub_tf)


def test_a_camera_that_tf_has_below_the_ground_is_named(start_detector, street):
    bench = start_detector(threshold=0.4, ground_frame="base_footprint")
    bench.subscribe("obstacles")
    bench.wait_until_connected()
    mounted_at(bench, "base_footprint", -1.0)
    bench.spin_for(1.0)
    play(bench, street, 1)
    bench.wait_for_diagnostics(lambda s: "-1 m above the ground" in s.message, "a mounting that cannot be")
    assert bench.received["obstacles"][-1].width == 0
