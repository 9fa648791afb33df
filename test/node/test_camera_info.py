"""Which calibration belongs to an image: by its size after region and binning, by its frame_id, by its topic."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")

from sensor_msgs.msg import CameraInfo
from support.detector_bench import header, image_message

from fishy_ros.node.calibration import CalibrationCheck
from fishy_ros.node.conversions import FrameHeader


def calibration(height: int, width: int, frame_id: str = "camera", **fields: int) -> CameraInfo:
    info = CameraInfo(height=height, width=width)
    info.header.frame_id = frame_id
    info.binning_y, info.binning_x = fields.get("binning_y", 0), fields.get("binning_x", 0)
    info.roi.height, info.roi.width = fields.get("rows", 0), fields.get("columns", 0)
    return info


@pytest.mark.parametrize(
    ("info", "image"),
    [
        (calibration(480, 640), (480, 640)),
        (calibration(480, 640, binning_x=1, binning_y=1), (480, 640)),
        (calibration(480, 640, binning_x=2, binning_y=2), (240, 320)),
        (calibration(481, 641, binning_x=2, binning_y=2), (240, 320)),
        (calibration(481, 641, binning_x=2, binning_y=2), (241, 321)),
        (calibration(480, 640, binning_x=4, binning_y=2), (240, 160)),
        (calibration(480, 640, rows=200, columns=300), (200, 300)),
        (calibration(480, 640, rows=200, columns=300, binning_x=2, binning_y=2), (100, 150)),
        (calibration(480, 640, frame_id=""), (480, 640)),
        (calibration(480, 640, frame_id="/camera"), (480, 640)),
    ],
)
def test_a_calibration_of_the_same_camera_fits(info, image):
    check = CalibrationCheck()
    assert check.fits(info, FrameHeader(0, 0, "camera"), *image)
    assert check.problem == ""


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (calibration(720, 1280), "it is for images of 1280x720, these are 640x480"),
        (calibration(640, 480), "it is for images of 480x640"),
        (calibration(480, 640, binning_x=2, binning_y=2), "it is for images of 320x240"),
        (calibration(480, 640, rows=200, columns=300), "it is for images of 300x200"),
        (calibration(0, 0), "it is for images of 0x0"),
        (calibration(480, 640, frame_id="rear"), "its frame_id is 'rear', the images have 'camera'"),
    ],
)
def test_a_calibration_of_another_camera_is_told_and_a_right_one_ends_it(info, said):
    check = CalibrationCheck()
    assert not check.fits(info, FrameHeader(0, 0, "camera"), 480, 640)
    assert said in check.problem
    assert check.fits(calibration(480, 640), FrameHeader(0, 0, "camera"), 480, 640)
    assert check.problem == ""


def test_a_calibration_of_another_camera_is_not_published_but_reported(start_detector, street):
    bench = start_detector()
    bench.subscribe("camera_info", "heatmap")
    bench.wait_until_connected()
    bench.spin_until(lambda: bench.camera_info.get_subscription_count() > 0, "camera_info to be subscribed")
    info = CameraInfo(header=header(0, "rear"), height=96, width=160)
    bench.camera_info.publish(info)
    bench.spin_for(0.3)
    bench.image.publish(image_message(street, header(1)))
    bench.spin_until(lambda: bench.received["heatmap"], "the heatmap")
    status = bench.wait_for_diagnostics(lambda s: "camera_info is not used" in s.message, "the report")
    assert "its frame_id is 'rear'" in status.message
    assert not bench.received["camera_info"]


def test_a_remapped_image_takes_its_calibration_along(start_detector, street):
    bench = start_detector("-r", "image:=/front/image_raw", image_topic="/front/image_raw")
    beside = bench.node.create_publisher(CameraInfo, "/front/camera_info", 5)
    bench.wait_until_connected()
    bench.spin_until(lambda: beside.get_subscription_count() > 0, "the calibration beside the images")
    assert bench.camera_info.get_subscription_count() == 0


def test_a_calibration_that_is_remapped_itself_stays_where_it_is(start_detector):
    bench = start_detector(
        "-r", "image:=/front/image_raw", "-r", "camera_info:=/rear/camera_info", image_topic="/front/image_raw"
    )
    chosen = bench.node.create_publisher(CameraInfo, "/rear/camera_info", 5)
    bench.spin_until(lambda: chosen.get_subscription_count() > 0, "the calibration that was asked for")
