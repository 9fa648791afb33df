"""Mask, markers and points of the running node, against what the library finds in its heatmap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image
from support.detector_bench import LATCHED, header, heatmap_of, image_message, stamp_of, values_of
from visualization_msgs.msg import Marker

from fishy_ros.node.camera_geometry import GroundFrame
from fishy_ros.node.conversions import FrameHeader
from fishy_ros.node.obstacle_markers import MarkerBuilder
from fishy_ros.node.obstacle_messages import CLOUD_DTYPE, FrameObstacles
from fishy_ros.obstacles import (
    Box,
    Camera,
    GroundPlane,
    Intrinsics,
    Region,
    RegionRules,
    Track,
    find_regions,
    ground_points,
)

CALIBRATION = [100.0, 0.0, 79.5, 0.0, 100.0, 31.5, 0.0, 0.0, 1.0]


def camera_info(stamp) -> CameraInfo:
    return CameraInfo(header=stamp, height=96, width=160, k=CALIBRATION, distortion_model="plumb_bob")


def play(bench, image, index, outputs, head=None):
    """Publish an image with its calibration and wait until everything of it is there."""
    before = {name: len(bench.received[name]) for name in outputs}
    message = image_message(image, head or header(index))
    bench.spin_until(lambda: bench.camera_info.get_subscription_count() > 0, "camera_info to be subscribed")
    bench.camera_info.publish(camera_info(message.header))
    bench.spin_for(0.2)
    bench.image.publish(message)
    bench.spin_until(lambda: all(len(bench.received[name]) > before[name] for name in outputs), "everything of a frame")
    return message


def points_of(cloud) -> np.ndarray:
    assert [(field.name, field.offset) for field in cloud.fields] == [
        (name, CLOUD_DTYPE.fields[name][1]) for name in CLOUD_DTYPE.names
    ]
    assert cloud.point_step == CLOUD_DTYPE.itemsize
    return np.frombuffer(bytes(cloud.data), CLOUD_DTYPE)


def test_mask_markers_and_points_are_those_of_the_heatmap_with_its_stamp(start_detector, street):
    outputs = ("heatmap", "mask", "markers", "obstacles")
    bench = start_detector(threshold=0.4, camera_height_m=1.5, camera_pitch_deg=2.0)
    bench.subscribe(*outputs)
    bench.wait_until_connected()
    message = play(bench, street, 1, outputs)
    score = heatmap_of(bench.received["heatmap"][-1])
    found = find_regions(score, None, RegionRules(0.4))
    mask = bench.received["mask"][-1]
    assert (mask.encoding, mask.height, mask.width) == ("mono8", *score.shape)
    assert np.array_equal(np.frombuffer(bytes(mask.data), np.uint8).reshape(score.shape), found.mask)
    rows, columns = score.shape
    camera = Camera(
        Intrinsics(100.0 * columns / 160, 100.0 * rows / 96, 80.0 * columns / 160 - 0.5, 32.0 * rows / 96 - 0.5),
        columns,
        rows,
    )
    ground = GroundPlane.mounted(1.5, math.radians(2.0))
    expected = ground_points([region.box for region in found.regions], camera, ground)
    cloud = bench.received["obstacles"][-1]
    points = points_of(cloud)
    assert len(expected) >= 1
    assert len(points) == sum(len(place.points) for place in expected)
    placed = np.concatenate([place.points for place in expected])
    assert np.column_stack([points["x"], points["y"], points["z"]]) == pytest.approx(placed, rel=1e-4)
    assert points["error"] == pytest.approx(
        np.concatenate([np.full(len(place.points), place.error_m) for place in expected]), rel=1e-4
    )
    markers = bench.received["markers"][-1].markers
    assert sum(marker.ns == "regions" for marker in markers) == len(found.regions)
    assert {stamp_of(mask), stamp_of(cloud), stamp_of(markers[0])} == {stamp_of(message)}
    assert cloud.header.frame_id == message.header.frame_id
    assert "regions_ms_p50" in values_of(bench.wait_for_diagnostics(lambda s: "regions_ms_p50" in values_of(s), "it"))


def test_a_threshold_changed_while_running_changes_the_mask_and_is_described_again(start_detector, street):
    bench = start_detector(threshold=0.4)
    described: list[DiagnosticStatus] = []
    bench.subscribe("heatmap", "mask")
    bench.wait_until_connected()
    play(bench, street, 1, ("heatmap", "mask"))
    assert bench.set_parameter("threshold", 0.75) == (True, "")
    play(bench, street, 2, ("heatmap", "mask"))
    # Latched: who comes late hears of the threshold that is in force.
    bench.node.create_subscription(DiagnosticStatus, f"{bench.name}/threshold", described.append, LATCHED)
    bench.spin_until(lambda: described, "the description of the threshold")
    values = {item.key: item.value for item in described[-1].values}
    assert values == {"threshold": "0.75", "threshold_low": "0.75", "normal_share_above": "0.001"}
    assert "softsign" in described[-1].message
    low, high = (np.frombuffer(bytes(message.data), np.uint8) for message in bench.received["mask"])
    score = heatmap_of(bench.received["heatmap"][-1])
    assert np.array_equal(high.reshape(score.shape) == 255, score >= np.float32(0.75))
    assert np.count_nonzero(high) < np.count_nonzero(low)
    status = bench.wait_for_diagnostics(lambda s: values_of(s).get("threshold") == "0.75", "the threshold")
    assert values_of(status)["normal_share_above"] == "0.001"


def test_regions_are_confirmed_after_so_many_frames_and_keep_their_id(start_detector, street):
    bench = start_detector(threshold=0.4, camera_height_m=1.5, confirm_hits=2, confirm_window=3)
    bench.subscribe("obstacles", "mask")
    bench.wait_until_connected()
    for index in (1, 2, 3):
        play(bench, street, index, ("obstacles", "mask"))
    first, second, third = (points_of(cloud) for cloud in bench.received["obstacles"])
    assert len(first) == 0
    assert len(second) > 0
    assert set(second["id"]) == set(third["id"])
    assert all(np.frombuffer(bytes(mask.data), np.uint8).any() for mask in bench.received["mask"])


def test_depth_places_regions_and_a_damaged_depth_image_is_named(start_detector, street):
    bench = start_detector(threshold=0.4, use_depth=True)
    depth = bench.node.create_publisher(Image, "depth", 5)
    bench.subscribe("obstacles")
    bench.wait_until_connected()
    bench.spin_until(lambda: depth.get_subscription_count() > 0, "a subscription to depth")
    stamp = header(1)
    metres = np.full((48, 80), 7.5, np.float32)
    message = Image(header=stamp, height=48, width=80, encoding="32FC1", step=320)
    message.data.frombytes(metres.tobytes())
    depth.publish(message)
    bench.spin_for(0.3)
    play(bench, street, 1, ("obstacles",), stamp)
    points = points_of(bench.received["obstacles"][-1])
    assert len(points) > 0
    assert points["z"] == pytest.approx(7.5)
    play(bench, street, 3, ())
    status = bench.wait_for_diagnostics(lambda s: "s apart from" in s.message, "the depth image that is missing")
    assert "expected at most 0.05 s" in status.message
    assert len(bench.received["obstacles"]) == 1
    damaged = header(5)
    depth.publish(Image(header=damaged, height=48, width=80, encoding="rgb8", step=240))
    bench.spin_for(0.3)
    play(bench, street, 5, (), damaged)
    status = bench.wait_for_diagnostics(lambda s: "depth image" in s.message, "the damaged depth image")
    assert "rgb8" in status.message
    assert bench.process.poll() is None


def test_without_calibration_or_mounting_the_reason_is_on_diagnostics(start_detector, street):
    bench = start_detector(threshold=0.4)
    bench.subscribe("obstacles")
    bench.wait_until_connected()
    bench.image.publish(image_message(street, header(1)))
    bench.wait_for_diagnostics(lambda s: "no camera_info" in s.message, "the missing calibration")
    play(bench, street, 2, ())
    bench.wait_for_diagnostics(lambda s: "camera_height_m" in s.message, "the missing mounting")
    assert not bench.received["obstacles"], "an empty cloud would say that the way is free"


def test_odometry_is_listened_to_where_it_is_asked_for(start_detector, street):
    bench = start_detector(threshold=0.4, use_odometry=True, camera_height_m=1.5)
    odometry = bench.node.create_publisher(Odometry, "odom", 5)
    bench.subscribe("obstacles")
    bench.wait_until_connected()
    bench.spin_until(lambda: odometry.get_subscription_count() > 0, "a subscription to odom")
    message = Odometry()
    message.twist.twist.linear.x = float("nan")
    odometry.publish(message)
    play(bench, street, 1, ("obstacles",))
    assert len(points_of(bench.received["obstacles"][-1])) > 0


def test_a_drivable_class_that_the_model_lacks_is_a_failed_activation_that_names_it(start_detector):
    bench = start_detector(drivable_classes="moon")
    status = bench.wait_for_diagnostics(lambda s: "moon" in s.message, "the unknown class")
    assert status.level == DiagnosticStatus.ERROR
    assert "no class 'moon'" in status.message


def test_markers_that_are_used_again_are_those_of_their_frame_alone():
    camera = Camera(Intrinsics(100.0, 100.0, 80.0, 32.0), 160, 96)
    near, far, high = (
        Track(number, Region(Box(x, y, x + 8.0, y + 8.0), 64, 0.6, 0.8, 0), 0.3, True, number)
        for number, x, y in ((3, 20.0, 70.0), (4, 100.0, 50.0), (5, 60.0, 5.0))
    )
    ground = GroundPlane.mounted(1.5, math.radians(2.0))
    frames = []
    for tracks in ((near, far), (high,), (far, high, near), ()):
        placed = {one.index: one for one in ground_points([track.region.box for track in tracks], camera, ground)}
        frames.append(FrameObstacles(FrameHeader(1, 2, "camera"), tracks, placed, (1.0, 1.0), {0: "road"}, camera))
    builder = MarkerBuilder()
    for frame in frames:
        assert builder.build(frame) == MarkerBuilder().build(frame)
    kinds = [[one.type for one in builder.build(frame).markers[1:]] for frame in frames]
    cube, outline, text = Marker.CUBE, Marker.LINE_STRIP, Marker.TEXT_VIEW_FACING
    assert kinds == [[cube, text, cube, text], [outline, text], [cube, text, outline, text, cube, text], []]


@pytest.mark.parametrize("ground_frame", ["", "base_footprint"])
def test_the_text_of_a_region_stands_above_its_box(ground_frame):
    camera = Camera(Intrinsics(100.0, 100.0, 80.0, 32.0), 160, 96)
    track = Track(1, Region(Box(20.0, 60.0, 28.0, 70.0), 64, 0.6, 0.8, 0), 0.3, True, 1)
    plane = GroundPlane.mounted(1.5, 0.0)
    placed = {one.index: one for one in ground_points([track.region.box], camera, plane)}
    optical_to_ground = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    turned = (ground_frame, optical_to_ground, np.array([0.0, 0.0, 1.5])) if ground_frame else ()
    ground = GroundFrame(plane, *turned)
    found = FrameObstacles(FrameHeader(1, 2, "camera"), (track,), placed, (1.0, 1.0), {0: "road"}, camera, ground)
    _, cube, text = MarkerBuilder().build(found).markers
    if ground_frame:
        top, text_bottom = cube.pose.position.z + cube.scale.z / 2, text.pose.position.z - text.scale.z / 2
        assert top < text_bottom < top + 0.5
    else:  # y points down
        top, text_bottom = cube.pose.position.y - cube.scale.y / 2, text.pose.position.y + text.scale.z / 2
        assert top - 0.5 < text_bottom < top
