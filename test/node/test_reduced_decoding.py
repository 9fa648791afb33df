"""A JPEG that is larger than the network is decoded at a smaller scale, unless somebody watches the overlay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, CompressedImage
from support.detector_bench import DetectorBench, header, heatmap_of, stamp_of

from fishy_ros.detector import AnomalyDetector
from fishy_ros.imaging import decode_compressed, resize_score

NETWORK = (64, 128)
CAMERA = (128, 256)


@pytest.fixture
def jpeg(street: np.ndarray) -> np.ndarray:
    large = cv2.resize(street, CAMERA[::-1], interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", large)[1].reshape(-1)


def play_one(bench: DetectorBench, jpeg: np.ndarray, *outputs: str) -> CompressedImage:
    """Publish the image once everything is connected, with its calibration, and wait for all outputs."""
    bench.subscribe("heatmap", *outputs)
    bench.wait_until_connected(bench.compressed)
    info = CameraInfo(header=header(0), height=CAMERA[0], width=CAMERA[1])
    info.k[0] = info.k[4] = 100.0
    bench.spin_until(lambda: bench.camera_info.get_subscription_count() > 0, "camera_info to be subscribed")
    bench.camera_info.publish(info)
    bench.spin_for(0.3)
    message = CompressedImage(header=header(1), format="bgr8; jpeg compressed bgr8")
    message.data.frombytes(jpeg.tobytes())
    bench.compressed.publish(message)
    for name in ("heatmap", *outputs):
        bench.spin_until(lambda name=name: bench.received[name], name)
    return message


def test_without_an_overlay_the_network_sees_the_image_decoded_at_half_its_size(start_detector, jpeg, tiny_package):
    bench = start_detector(image_transport="compressed")
    message = play_one(bench, jpeg, "camera_info", "segmentation")
    with AnomalyDetector(tiny_package, "onnxruntime", threads=1) as detector:
        reduced, whole = (detector.detect(decode_compressed(jpeg, size)).score for size in (NETWORK, None))
    np.testing.assert_array_equal(heatmap_of(*bench.received["heatmap"]), reduced)
    assert not np.array_equal(reduced, whole)
    (calibration,) = bench.received["camera_info"]
    assert stamp_of(calibration) == stamp_of(message)
    assert (calibration.height, calibration.width, calibration.k[0], calibration.k[4]) == (*NETWORK, 50.0, 50.0)


def test_with_an_overlay_the_whole_image_is_decoded(start_detector, jpeg, tiny_package):
    bench = start_detector(image_transport="compressed")
    play_one(bench, jpeg, "overlay")
    with AnomalyDetector(tiny_package, "onnxruntime", threads=1) as detector:
        np.testing.assert_array_equal(
            heatmap_of(*bench.received["heatmap"]), detector.detect(decode_compressed(jpeg)).score
        )
    (overlay,) = bench.received["overlay"]
    assert (overlay.height, overlay.width) == CAMERA


def test_a_heatmap_of_the_image_has_the_size_that_the_camera_took(start_detector, jpeg, tiny_package):
    bench = start_detector(image_transport="compressed", heatmap_size="image")
    play_one(bench, jpeg)
    with AnomalyDetector(tiny_package, "onnxruntime", threads=1) as detector:
        expected = resize_score(detector.detect(decode_compressed(jpeg, NETWORK)).score, *CAMERA)
    np.testing.assert_array_equal(heatmap_of(*bench.received["heatmap"]), expected)
