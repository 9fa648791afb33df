"""Statistics of a frame: what they are of images with a known answer, and that they do not depend on resolution."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fishy_ros.drift.frame_statistics import FrameStatistics, population_stability_index
from fishy_ros.model_package import Calibration
from fishy_ros.types import Detection

CALIBRATION = Calibration("", 0.5, ((0.25, 0.1), (0.5, 0.05), (0.75, 0.001)))


def detection(score: np.ndarray | None = None, labels: np.ndarray | None = None) -> Detection:
    score = np.zeros((256, 512), np.float32) if score is None else score
    return Detection(score, np.zeros(score.shape, np.uint8) if labels is None else labels)


def measure(image: np.ndarray, found: Detection | None = None) -> dict[str, float]:
    return FrameStatistics(CALIBRATION).measure(image, found or detection())


def test_a_flat_image_has_its_brightness_and_nothing_else():
    grey = measure(np.full((512, 1024, 3), 51, np.uint8))
    assert grey["brightness"] == pytest.approx(np.log(0.2 + 0.01), abs=1e-6)
    assert grey["contrast"] == pytest.approx(np.log(0.01), abs=1e-3)
    assert (grey["plain"], grey["white"]) == (1.0, 0.0)
    assert measure(np.full((512, 1024, 3), 255, np.uint8))["white"] == 1.0


def test_the_contrast_is_the_deviation_of_the_grey_values():
    image = np.zeros((512, 1024, 3), np.uint8)
    image[:, 512:] = 255
    assert measure(image)["contrast"] == pytest.approx(np.log(0.5 + 0.01), abs=1e-4)


def test_blur_lowers_the_sharpness_and_contrast_does_not():
    image = np.random.default_rng(0).integers(60, 200, (32, 64, 3), np.uint8)
    image = cv2.resize(image, (1024, 512), interpolation=cv2.INTER_NEAREST)
    paler = (image * 0.5 + 60).astype(np.uint8)
    blurred = cv2.GaussianBlur(image, (0, 0), 12)
    sharp = measure(image)["sharpness"]
    assert measure(paler)["sharpness"] == pytest.approx(sharp, abs=0.05)
    assert measure(blurred)["sharpness"] < sharp - 0.3


def test_statistics_hardly_depend_on_the_resolution_of_camera_and_network():
    image = cv2.resize(np.random.default_rng(1).integers(0, 256, (32, 64, 3), np.uint8), (1024, 512))
    score = cv2.resize(np.random.default_rng(2).random((64, 128), np.float32), (512, 256))
    large = measure(image, detection(score))
    half = cv2.resize(image, (512, 256), interpolation=cv2.INTER_AREA)
    small = measure(half, detection(np.ascontiguousarray(score[::2, ::2])))
    assert large.keys() == small.keys()
    for name, value in large.items():
        assert small[name] == pytest.approx(value, abs=0.05), name


def test_the_variety_of_classes_is_the_number_of_classes_that_are_equally_common():
    labels = np.repeat(np.arange(4, dtype=np.uint8), 64)[:, None] * np.ones((1, 512), np.uint8)
    assert measure(np.zeros((64, 64, 3), np.uint8), detection(labels=labels))["class_variety"] == pytest.approx(4.0)


def test_scores_are_compared_with_the_shares_that_the_package_states():
    above = np.array([0.1, 0.05, 0.001])
    assert population_stability_index(above, above) == 0.0
    found, expected = (0.5, 0.5), (0.9, 0.1)
    by_hand = sum((p - q) * np.log(p / q) for p, q in zip(found, expected, strict=True))
    assert population_stability_index(np.array([0.5]), np.array([0.1])) == pytest.approx(by_hand)
    score = np.zeros((256, 512), np.float32)
    score[:128] = 0.6
    stated = measure(np.zeros((64, 64, 3), np.uint8), detection(score))
    assert stated["score_tail"] == pytest.approx(np.log(0.5 + 1e-3), abs=1e-3)
    assert "score_tail" not in FrameStatistics(Calibration("", 0.5)).measure(
        np.zeros((64, 64, 3), np.uint8), detection()
    )
