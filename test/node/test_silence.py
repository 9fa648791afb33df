"""What the node says when no image comes, a parameter is misspelt, or stamps lie in the future."""

from __future__ import annotations

import platform
import time

from builtin_interfaces.msg import Time
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float32, Header
from support.detector_bench import CAMERA, image_message, values_of


def silence_of(bench, what):
    return bench.wait_for_diagnostics(lambda s: "no image for" in s.message and what in s.message, what).message


def test_the_node_logs_what_it_listens_to(start_detector):
    bench = start_detector()
    bench.spin_until(lambda: "listening to /image (" in bench.log(), "the topics in the log")
    assert "/camera_info (" in bench.log()


def test_without_a_publisher_the_topic_is_named_and_those_that_may_be_meant(start_detector):
    bench = start_detector()
    bench.node.destroy_publisher(bench.image)
    bench.node.destroy_publisher(bench.compressed)
    message = silence_of(bench, "nobody publishes /image")
    assert "ROS_DOMAIN_ID" in message
    bench.node.create_publisher(Image, "/front/image_raw", CAMERA)
    for name, kind in (("heatmap", Image), ("latency_ms", Float32)):  # of a detector of another camera
        bench.node.create_publisher(kind, f"/a/detector/{name}", 1)
    message = silence_of(bench, "images are published on /front/image_raw")
    assert "/a/detector" not in message
    bench.node.create_publisher(CompressedImage, "/image/compressed", CAMERA)
    silence_of(bench, "/image/compressed has a publisher: image_transport compressed may be meant")
    assert "no image: nobody publishes /image" in bench.log()


def test_a_publisher_is_named_with_type_and_quality_of_service(start_detector):
    bench = start_detector()
    bench.node.destroy_publisher(bench.image)
    latched = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    bench.node.create_publisher(Image, "/image", latched)
    # The name of the node may be known a little later than its publisher.
    message = silence_of(bench, "/image has 1 publishers: /bench (sensor_msgs/msg/Image, reliable, transient_local)")
    assert "fastdds_large_images.xml" in message


def test_a_topic_that_ends_in_compressed_twice_is_explained(start_detector):
    bench = start_detector(image_transport="compressed", remap="image/compressed:=/cam/compressed/compressed")
    bench.node.create_publisher(CompressedImage, "/cam/compressed", CAMERA)
    message = silence_of(bench, "/cam/compressed/compressed")
    assert "twice" in message
    assert "images are published on /cam/compressed" in message


def test_a_misspelt_parameter_is_named_with_the_one_that_is_meant(start_detector):
    bench = start_detector(treshold=0.3)
    status = bench.wait_for_diagnostics(lambda s: "treshold" in s.message, "the misspelt parameter")
    assert "parameter treshold is not known and changes nothing; threshold may be meant" in status.message
    assert "treshold" in bench.log()


def test_stamps_of_the_future_reach_diagnostics_and_the_device_has_a_name(start_detector, street):
    bench = start_detector()
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    stamp = Time(sec=int(time.time()) + 1000)
    bench.image.publish(image_message(street, Header(stamp=stamp, frame_id="camera")))
    bench.spin_until(lambda: bench.received["heatmap"], "the heatmap")
    status = bench.wait_for_diagnostics(lambda s: "in the future" in s.message, "the stamp of the future")
    assert "use_sim_time" in status.message
    assert values_of(status)["frames_without_age"] == "1"
    assert status.hardware_id == platform.node()
