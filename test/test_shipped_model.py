"""The precisions that are shipped say of a street what the float32 graph says."""

import numpy as np
import pytest

from fishy_ros.datasets.registry import open_dataset
from fishy_ros.detector import AnomalyDetector
from fishy_ros.model_package import load_model_package

PACKAGE = load_model_package("fishy-s")
OTHERS = [name for name in PACKAGE.precisions if name != "fp32"]


@pytest.mark.skipif(not OTHERS, reason="the shipped package has only float32")
@pytest.mark.parametrize("precision", OTHERS or ["none"])
def test_a_shipped_precision_agrees_with_float32(precision: str) -> None:
    image = open_dataset("synthetic", frames=1)[0].image
    with (
        AnomalyDetector(PACKAGE, "onnxruntime", "cpu", precision) as detector,
        AnomalyDetector(PACKAGE, "onnxruntime", "cpu") as full,
    ):
        found, expected = detector.detect(image), full.detect(image)
    assert np.abs(found.score - expected.score).mean() < 0.03
    assert np.corrcoef(found.score.ravel(), expected.score.ravel())[0, 1] > 0.97
    assert (found.labels == expected.labels).mean() > 0.9
