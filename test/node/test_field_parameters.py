"""Parameters for what cameras in the field do: fit, reliability, channel order; and what is said of odd inputs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")

from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from support.detector_bench import header, heatmap_of, image_message, values_of

from fishy_ros.detector import AnomalyDetector
from fishy_ros.imaging import decode_compressed
from fishy_ros.node.dds import shared_memory_problem


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_the_heatmap_of_another_fit_is_that_of_the_detector(start_detector, street, tiny_package, fit):
    bench = start_detector(fit=fit)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    bench.image.publish(image_message(street, header(0)))
    bench.spin_until(lambda: bench.received["heatmap"], "the heatmap")
    with AnomalyDetector(tiny_package, "onnxruntime", fit=fit) as detector:
        expected = detector.detect(street).score
    np.testing.assert_array_equal(heatmap_of(bench.received["heatmap"][0]), expected)
    assert abs(expected.shape[1] / expected.shape[0] - 160 / 96) < 0.05
    status = bench.wait_for_diagnostics(lambda s: fit in values_of(s).get("input_fit", ""), "the fit")
    assert values_of(status)["input_fit"] == f"{fit}: 160x96 into 128x64"


def test_a_squeezed_image_is_told_on_diagnostics(start_detector, street):
    bench = start_detector()
    bench.wait_until_connected()
    bench.image.publish(image_message(street, header(0)))
    status = bench.wait_for_diagnostics(lambda s: "stretch" in values_of(s).get("input_fit", ""), "the fit")
    assert values_of(status)["input_fit"] == "stretch: 160x96 into 128x64, 1.20 x as wide"


def test_a_reliable_node_hears_reliable_cameras_and_names_others(start_detector, street):
    bench = start_detector(reliability="reliable")
    bench.subscribe("heatmap")
    reliable = bench.node.create_publisher(Image, "image", QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE))
    bench.spin_until(lambda: reliable.get_subscription_count() > 0, "the node to subscribe")
    bench.spin_for(0.5)
    bench.wait_for_diagnostics(lambda s: "incompatible reliability" in s.message.lower(), "the best-effort camera")
    reliable.publish(image_message(street, header(0)))
    bench.spin_until(lambda: bench.received["heatmap"], "the heatmap")


@pytest.mark.parametrize("order", ["file", "format"])
def test_the_channel_order_may_change_while_the_node_runs(start_detector, street, tiny_package, order):
    bench = start_detector(image_transport="compressed")
    bench.subscribe("heatmap")
    bench.wait_until_connected(bench.compressed)
    assert bench.set_parameter("compressed_channel_order", order)[0]
    message = CompressedImage(header=header(0), format="rgb8; png compressed rgb8")
    message.data.frombytes(cv2.imencode(".png", street)[1].tobytes())
    bench.compressed.publish(message)
    bench.spin_until(lambda: bench.received["heatmap"], "the heatmap")
    seen = street if order == "file" else street[..., ::-1]
    with AnomalyDetector(tiny_package, "onnxruntime") as detector:
        expected = detector.detect(np.ascontiguousarray(seen)).score
    np.testing.assert_allclose(heatmap_of(bench.received["heatmap"][0]), expected, atol=1e-6)


def test_a_mosaic_in_a_compressed_message_is_demosaiced_by_the_node(start_detector, street, tiny_package):
    bench = start_detector(image_transport="compressed")
    bench.subscribe("heatmap")
    bench.wait_until_connected(bench.compressed)
    data = cv2.imencode(".png", street[..., 1])[1].ravel()
    message = CompressedImage(header=header(0), format="bayer_rggb8; png compressed ")
    message.data.frombytes(data.tobytes())
    bench.compressed.publish(message)
    bench.spin_until(lambda: bench.received["heatmap"], "the heatmap")
    with AnomalyDetector(tiny_package, "onnxruntime") as detector:
        expected = detector.detect(decode_compressed(data, image_format=message.format)).score
    np.testing.assert_array_equal(heatmap_of(bench.received["heatmap"][0]), expected)


def test_a_depth_image_is_told_and_a_grey_one_of_16_bit_is_not(start_detector, street):
    bench = start_detector()
    bench.wait_until_connected()
    depth = Image(header=header(0), height=96, width=160, encoding="16UC1", step=320)
    depth.data.frombytes(bytes(96 * 320))
    bench.image.publish(depth)
    bench.wait_for_diagnostics(lambda s: "is encoded as depth cameras publish distances" in s.message, "the warning")
    grey = Image(header=header(1), height=96, width=160, encoding="mono16", step=320)
    grey.data.frombytes(bytes(96 * 320))
    bench.image.publish(grey)
    bench.wait_for_diagnostics(lambda s: "distances" not in s.message, "its end")


def test_shared_memory_that_is_too_small_is_told_for_fast_dds_alone(monkeypatch):
    from fishy_ros.node import dds

    usage = type("Usage", (), {"free": 64 << 20})
    monkeypatch.setattr(dds.shutil, "disk_usage", lambda path: usage)
    problem = shared_memory_problem({})
    assert "64 MiB free, expected 256 MiB" in problem
    assert "--shm-size" in problem
    assert shared_memory_problem({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}) == ""
    assert shared_memory_problem({"FASTRTPS_DEFAULT_PROFILES_FILE": "/own.xml"}) == ""
    usage.free = 1 << 30
    assert shared_memory_problem({}) == ""


@pytest.mark.long
def test_a_discovery_server_that_does_not_answer_is_named_after_ten_seconds(start_detector):
    bench = start_detector(environment={"ROS_DISCOVERY_SERVER": "127.0.0.1:11999"})
    words = "no other node was found through the discovery server 127.0.0.1:11999"
    bench.spin_until(lambda: words in bench.log(), "the name")


def test_another_score_of_a_model_is_published(start_detector, street):
    bench = start_detector(model="fishy-s:anywhere")
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    bench.image.publish(image_message(street, header(0)))
    bench.spin_until(lambda: bench.received["heatmap"], "the heatmap")
    with AnomalyDetector("fishy-s:anywhere", "onnxruntime", "cpu", threads=1) as detector:
        expected = detector.detect(street).score
    np.testing.assert_array_equal(heatmap_of(bench.received["heatmap"][0]), expected)
    status = bench.wait_for_diagnostics(lambda s: values_of(s).get("model"), "the model")
    assert values_of(status)["model"] == "fishy-s:anywhere"
