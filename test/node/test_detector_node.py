"""The detector node over real DDS: what goes in comes out, with the same stamps."""

from __future__ import annotations

import signal

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo, CompressedImage
from support.detector_bench import DetectorBench, header, image_message, stamp_of, values_of
from support.odd_models import build_slow_package

from fishy_ros.detector import AnomalyDetector
from fishy_ros.imaging import render_overlay, resize_score


def play(bench: DetectorBench, messages: list, publisher=None) -> None:
    """Publish each message after the heatmap of the one before."""
    bench.subscribe("heatmap")
    bench.wait_until_connected(publisher)
    for count, message in enumerate(messages, 1):
        (publisher or bench.image).publish(message)
        bench.spin_until(lambda count=count: len(bench.received["heatmap"]) >= count, f"heatmap {count}")


def pixels(message, dtype, channels=1):
    array = np.frombuffer(message.data, dtype)
    shape = (message.height, message.width) if channels == 1 else (message.height, message.width, channels)
    return array.reshape(shape)


def test_every_frame_becomes_a_heatmap_with_its_stamp_and_frame_id(start_detector, street, tiny_package):
    bench = start_detector()
    images = [np.roll(street, 5 * index, axis=1) for index in range(5)]
    messages = [image_message(image, header(i, f"camera_{i}")) for i, image in enumerate(images)]
    play(bench, messages)
    with AnomalyDetector(tiny_package, "onnxruntime", threads=1) as detector:
        for image, sent, heatmap in zip(images, messages, bench.received["heatmap"], strict=True):
            assert stamp_of(heatmap) == stamp_of(sent)
            assert heatmap.header.frame_id == sent.header.frame_id
            assert heatmap.encoding == "32FC1"
            assert heatmap.step == 4 * heatmap.width
            np.testing.assert_array_equal(pixels(heatmap, np.float32), detector.detect(image).score)


def test_a_compressed_image_gives_the_heatmap_of_its_pixels(start_detector, street, tiny_package):
    bench = start_detector(image_transport="compressed")
    message = CompressedImage(header=header(0), format="bgr8; png compressed bgr8")
    message.data.frombytes(cv2.imencode(".png", street)[1].tobytes())
    play(bench, [message], bench.compressed)
    (heatmap,) = bench.received["heatmap"]
    assert stamp_of(heatmap) == stamp_of(message)
    with AnomalyDetector(tiny_package, "onnxruntime", threads=1) as detector:
        np.testing.assert_array_equal(pixels(heatmap, np.float32), detector.detect(street).score)


def test_the_heatmap_has_the_size_of_the_image_where_asked_for(start_detector, street, tiny_package):
    bench = start_detector(heatmap_size="image")
    play(bench, [image_message(street, header(0))])
    with AnomalyDetector(tiny_package, "onnxruntime", threads=1) as detector:
        expected = resize_score(detector.detect(street).score, *street.shape[:2])
    np.testing.assert_array_equal(pixels(bench.received["heatmap"][0], np.float32), expected)


def test_pictures_show_what_the_heatmap_says(start_detector, street, tiny_package):
    bench = start_detector(threshold=0.3, overlay_opacity=0.5, color_map="viridis")
    bench.subscribe("overlay", "overlay/compressed", "segmentation")
    message = image_message(street, header(0))
    play(bench, [message])
    for name in ("overlay", "overlay/compressed", "segmentation"):
        bench.spin_until(lambda name=name: bench.received[name], name)
        assert stamp_of(bench.received[name][0]) == stamp_of(message)
        assert bench.received[name][0].header.frame_id == "camera"
    with AnomalyDetector(tiny_package, "onnxruntime", threads=1) as detector:
        detection = detector.detect(street)
    expected = render_overlay(street, detection.score, 0.3, 0.5, "viridis")
    overlay, segmentation = bench.received["overlay"][0], bench.received["segmentation"][0]
    assert (overlay.encoding, segmentation.encoding) == ("bgr8", "mono8")
    np.testing.assert_array_equal(pixels(overlay, np.uint8, 3), expected)
    np.testing.assert_array_equal(pixels(segmentation, np.uint8), detection.labels)
    jpeg = bench.received["overlay/compressed"][0]
    assert "jpeg" in jpeg.format
    decoded = cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - expected).mean() < 6


def test_an_output_that_is_switched_off_stays_silent(start_detector, street):
    bench = start_detector(publish_overlay=False, publish_latency=False)
    bench.subscribe("overlay", "segmentation", "latency", "latency_ms")
    play(bench, [image_message(street, header(i)) for i in range(3)])
    bench.spin_until(lambda: bench.received["segmentation"], "segmentation")
    bench.spin_for(0.5)
    assert not bench.received["overlay"]
    assert not bench.received["latency"]
    assert not bench.received["latency_ms"]


def test_calibration_is_scaled_to_the_heatmap(start_detector, street):
    bench = start_detector()
    bench.subscribe("camera_info", "heatmap")
    bench.wait_until_connected()
    bench.spin_until(lambda: bench.camera_info.get_subscription_count() > 0, "camera_info to be subscribed")
    info = CameraInfo(header=header(0), height=96, width=160, distortion_model="plumb_bob")
    info.k[0], info.k[2], info.k[4], info.k[5], info.k[8] = 100.0, 79.5, 100.0, 47.5, 1.0
    stamps = []

    def play_both():
        bench.camera_info.publish(info)
        message = image_message(street, header(len(stamps) + 1))
        stamps.append(stamp_of(message))
        bench.image.publish(message)
        bench.spin_for(0.1)
        return bench.received["camera_info"]

    bench.spin_until(play_both, "camera_info, which the node has before one of the images")
    scaled = bench.received["camera_info"][0]
    assert stamp_of(scaled) in stamps
    assert (scaled.height, scaled.width) == (64, 128)
    np.testing.assert_allclose([scaled.k[0], scaled.k[4]], [100 * 128 / 160, 100 * 64 / 96])
    np.testing.assert_allclose([scaled.k[2], scaled.k[5]], [63.5, 31.5])


def test_latency_accounts_for_every_stage_of_every_frame(start_detector, street):
    bench = start_detector()
    bench.subscribe("latency", "latency_ms")
    messages = [image_message(street, header(i)) for i in range(4)]
    play(bench, messages)
    bench.spin_until(lambda: len(bench.received["latency"]) == 4 == len(bench.received["latency_ms"]), "latencies")
    for sent, latency, total in zip(messages, bench.received["latency"], bench.received["latency_ms"], strict=True):
        assert stamp_of(latency) == stamp_of(sent)
        assert latency.header.frame_id == "camera"
        stages = {key: float(value) for key, value in values_of(latency.status[0]).items()}
        parts = {"receive_ms", "wait_ms", "decode_ms", "resize_ms", "inference_ms", "output_ms", "publish_ms"}
        assert set(stages) == parts | {"total_ms", "age_ms"}
        assert all(value >= 0.0 for value in stages.values())
        assert sum(stages[part] for part in parts) <= stages["total_ms"] + 0.1
        assert stages["total_ms"] <= stages["age_ms"] + 1.0
        assert abs(total.data - stages["total_ms"]) < 0.01


def test_the_age_is_marked_invalid_where_the_stamp_is_no_time(start_detector, street):
    bench = start_detector()
    bench.subscribe("latency")
    zero, future = image_message(street, header(0)), image_message(street, header(0))
    zero.header.stamp.sec = zero.header.stamp.nanosec = 0
    future.header.stamp.sec += 3600
    play(bench, [zero, future])
    bench.spin_until(lambda: len(bench.received["latency"]) == 2, "latencies")
    statuses = [message.status[0] for message in bench.received["latency"]]
    assert [status.level for status in statuses] == [DiagnosticStatus.WARN] * 2
    assert "the stamp is 0" in statuses[0].message
    assert "in the future" in statuses[1].message
    assert all(values_of(status)["age_ms"] == "nan" for status in statuses)
    assert [stamp_of(heatmap) for heatmap in bench.received["heatmap"]] == [stamp_of(zero), stamp_of(future)]


def test_the_node_stops_cleanly_when_interrupted(start_detector, street):
    for stop_signal in (signal.SIGINT, signal.SIGTERM):
        bench = start_detector()
        play(bench, [image_message(street, header(0))])
        bench.process.send_signal(stop_signal)
        assert bench.process.wait(10.0) == 0, bench.log()
        assert "Traceback" not in bench.log()


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_a_frame_in_work_when_the_node_is_interrupted_is_no_error(start_detector, street, tmp_path, stop_signal):
    bench = start_detector(model=build_slow_package(tmp_path / "slow", 1_500_000, variant=False).folder)
    bench.wait_until_connected()
    bench.image.publish(image_message(np.full_like(street, 250), header(0)))
    bench.spin_for(0.5)
    bench.process.send_signal(stop_signal)
    assert bench.process.wait(10.0) == 0, bench.log()
    assert "dropped" not in bench.log()
