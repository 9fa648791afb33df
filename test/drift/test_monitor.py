"""The monitor: silent on normal frames, and says why a frame is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.street_package import REASONS

from fishy_ros.detector import AnomalyDetector
from fishy_ros.drift.baseline import measure_baseline
from fishy_ros.drift.corruptions import CORRUPTIONS
from fishy_ros.drift.monitor import Drift, DriftMonitor
from fishy_ros.errors import ConfigError
from fishy_ros.model_package import Baseline, Calibration, Spread, load_model_package
from fishy_ros.types import Detection


@pytest.fixture(scope="module")
def judge(street_package):
    """Judge an image by a monitor of its own."""
    package, _ = street_package
    with AnomalyDetector(package, "onnxruntime", threads=1) as detector:

        def judge_one(image):
            monitor = DriftMonitor(package.calibration, package.baseline)
            detection = detector.detect(image)
            monitor.add(0.0, detector.network_image, detection)
            return monitor.judge(0.5, 1.0)

        yield judge_one


def test_normal_frames_that_the_baseline_does_not_hold_are_like_it(street_package, judge):
    for image in street_package[1]:
        assert judge(image).reasons == ()


@pytest.mark.parametrize("corrupt", CORRUPTIONS)
def test_a_corrupted_frame_is_not_and_the_monitor_says_why(street_package, judge, corrupt):
    for image in street_package[1]:
        drift = judge(CORRUPTIONS[corrupt](image))
        assert drift.distance > 1.0
        assert any(REASONS[corrupt] in reason for reason in drift.reasons), drift


def test_a_baseline_without_orientation_does_not_judge_by_them(street_package):
    package, images = street_package
    without = replace(package.baseline, orientation={})
    with AnomalyDetector(package, "onnxruntime", threads=1) as detector:
        monitor = DriftMonitor(package.calibration, without)
        detection = detector.detect(CORRUPTIONS["upside down"](images[0]))
        monitor.add(0.0, detector.network_image, detection)
    assert not any("upside down" in reason for reason in monitor.judge(0.5, 1.0).reasons)


def test_the_baseline_survives_model_yaml(street_package):
    package, _ = street_package
    again = load_model_package(package.folder).baseline
    assert again == package.baseline
    assert again is not None
    assert again.images == 24
    assert all(spread.low <= spread.middle <= spread.high for spread in again.statistics.values())


# One statistic, set through the brightness of a grey image: normal is 0.4 to 0.6.
BASELINE = Baseline(100, {"brightness": Spread(*(float(np.log(grey + 0.01)) for grey in (0.4, 0.5, 0.6)))})


def add(monitor: DriftMonitor, at: float, grey: float) -> None:
    detection = Detection(np.zeros((8, 8), np.float32), np.zeros((8, 8), np.uint8))
    monitor.add(at, np.full((16, 16, 3), round(grey * 255), np.uint8), detection)


def test_the_window_is_judged_by_its_median_and_forgets():
    monitor = DriftMonitor(Calibration("", 0.5), BASELINE)
    assert monitor.judge(0.0, 1.0) == Drift()
    for index in range(5):
        add(monitor, index * 0.2, 0.5)
    add(monitor, 1.0, 0.02)
    assert not monitor.judge(1.0, 1.0).reasons, "one dark frame of five"
    for index in range(3):
        add(monitor, 1.2 + index * 0.2, 0.02)
    assert monitor.judge(1.6, 1.0).reasons == ("too dark",)
    for index in range(5):
        add(monitor, 1.8 + index * 0.2, 0.95)
    assert monitor.judge(2.6, 1.0).reasons == ("too bright",)
    assert monitor.judge(10.0, 1.0) == Drift(), "no frames, nothing to say"


def test_a_long_window_is_judged_whole_however_many_frames_it_has():
    monitor = DriftMonitor(Calibration("", 0.5), BASELINE)
    monitor.judge(0.0, 3600.0)
    for index in range(3000):
        add(monitor, index * 1.2, 0.02 if index < 2000 else 0.5)
    assert monitor.judge(3599.0, 3600.0).reasons == ("too dark",), "two thirds of the hour were dark"


def test_a_reason_holds_until_the_statistic_is_clearly_normal_again():
    monitor = DriftMonitor(Calibration("", 0.5), BASELINE)

    def judged(now: float, grey: float) -> bool:
        add(monitor, now, grey)
        return bool(monitor.judge(now, 0.1).reasons)

    at_limit = 0.36  # the limit lies 1.5 times as far from 0.5 as 0.4 does, in logarithms: at 0.358
    assert not judged(0.0, at_limit)
    assert judged(1.0, 0.34)
    assert judged(2.0, at_limit)
    assert not judged(3.0, 0.39)


def test_without_a_baseline_only_the_scores_are_compared():
    calibration = Calibration("", 0.5, ((0.25, 0.1), (0.5, 0.05)))
    monitor = DriftMonitor(calibration, None)
    dark, labels = np.zeros((16, 16, 3), np.uint8), np.zeros((64, 128), np.uint8)
    normal = np.zeros((64, 128), np.float32)
    normal[:, :12], normal[:, :6] = 0.3, 0.6
    monitor.add(0.0, dark, Detection(normal, labels))
    assert monitor.judge(0.0, 1.0).reasons == ()
    monitor.add(5.0, dark, Detection(np.full((64, 128), 0.9, np.float32), labels))
    assert monitor.judge(5.0, 1.0).reasons == ("scores distributed unlike those of normal images",)
    unstated = DriftMonitor(Calibration("", 0.5), None)
    unstated.add(0.0, dark, Detection(np.full((64, 128), 0.9, np.float32), labels))
    assert unstated.judge(0.0, 1.0).reasons == ()


def test_a_likelihood_ratio_is_judged_by_its_sign_unless_normal_frames_do_not_tell(street_package):
    package, images = street_package
    clear, unclear = Spread(-0.5, 1.0, 2.0), Spread(-3.0, 1.0, 2.0)
    with AnomalyDetector(package, "onnxruntime", threads=1) as detector:
        detection = detector.detect(CORRUPTIONS["upside down"](images[0]))

        def judge(spread):
            statistics = {"orientation": spread}
            monitor = DriftMonitor(package.calibration, replace(package.baseline, statistics=statistics))
            monitor.add(0.0, detector.network_image, detection)
            return monitor.judge(0.5, 1.0)

        assert any("upside down" in reason for reason in judge(clear).reasons)
        assert judge(clear).distance > 3 * judge(unclear).distance


def test_too_few_images_are_no_baseline(street_package):
    package, images = street_package
    with AnomalyDetector(package, "onnxruntime", threads=1) as detector:
        with pytest.raises(ConfigError, match="2 normal images were given; expected at least 20"):
            measure_baseline(detector, images[:2])
        with pytest.raises(ConfigError, match="0 normal images were given; expected at least 20"):
            measure_baseline(detector, [])
