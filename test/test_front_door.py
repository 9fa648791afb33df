"""The front door: five names, imported only when they are used."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from support.sources import ROOT, python_path

import fishy_ros
from fishy_ros import PixelMetrics
from fishy_ros.errors import ScoreError
from fishy_ros.metrics.pixel import PixelAccumulator

HEAVY = {"cv2", "numpy", "onnx", "onnxruntime", "openvino", "rclpy", "scipy", "tensorrt", "torch", "yaml"}


def test_importing_the_package_loads_no_library():
    code = "import fishy_ros, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    output = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert "fishy_ros" in output.split()
    assert not HEAVY & set(output.split())


def test_onnx_runtime_reports_nothing_to_its_maker(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": python_path()}
    command = [sys.executable, "-c", "import fishy_ros.runtimes.onnxruntime_runtime"]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
    assert list(tmp_path.iterdir()) == [], "it keeps an identifier and a store of events at home otherwise"


def test_every_name_of_the_front_door_is_the_one_that_its_module_defines():
    for name in set(fishy_ros.__all__) - {"__version__"}:
        value = getattr(fishy_ros, name)
        assert value.__name__ == name
        assert getattr(sys.modules[value.__module__], name) is value
    assert set(fishy_ros.__all__) <= set(dir(fishy_ros))


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="no attribute 'Detector'"):
        fishy_ros.Detector  # noqa: B018


def test_pixel_metrics_of_pairs_are_those_of_the_accumulator():
    rng = np.random.default_rng(3)
    frames = [(rng.random((20, 30), np.float32), rng.integers(0, 2, (20, 30), np.uint8)) for _ in range(3)]
    accumulator = PixelAccumulator()
    for score, labels in frames:
        accumulator.update(score, labels, "frame")
    metrics, expected = PixelMetrics.of(iter(frames)), accumulator.compute()
    assert (metrics.ap, metrics.auroc, metrics.fpr95) == (expected.ap, expected.auroc, expected.fpr95)


def test_pixel_metrics_name_the_frame_that_does_not_fit():
    good = (np.zeros((4, 4), np.float32), np.zeros((4, 4), np.uint8))
    with pytest.raises(ScoreError, match="frame 1"):
        PixelMetrics.of([good, (np.zeros((4, 5), np.float32), np.zeros((4, 4), np.uint8))])
