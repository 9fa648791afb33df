"""`python -m experiments.false_alarms` lists normal regions that score high, and nothing that is no false alarm."""

import json

import cv2
import numpy as np
import pytest

from experiments.false_alarms import false_alarms
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.types import ANOMALY

TRAILER = 30
"""Cityscapes label id of a void class that is an object."""


@pytest.fixture
def folder(tmp_path):
    """Two rendered streets whose objects are called road, and the first one with objects called trailers."""
    for name in ("images", "labels", "void_ids"):
        (tmp_path / name).mkdir()
    streets = list(SyntheticStreet(2, height=256, width=512, seed=3))
    for index, (sample, objects) in enumerate([(streets[0], 7), (streets[1], 7), (streets[0], TRAILER)]):
        cv2.imwrite(str(tmp_path / f"images/{index}.png"), sample.image)
        cv2.imwrite(str(tmp_path / f"labels/{index}.png"), np.zeros(sample.image.shape[:2], np.uint8))
        void_ids = np.where(sample.labels == ANOMALY, objects, 7).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"void_ids/{index}.png"), void_ids)
    return tmp_path


def test_the_highest_normal_regions_are_listed_and_drawn(folder, tmp_path):
    out = tmp_path / "found.json"
    false_alarms("fishy-s", folder, out, count=5, every=1, runtime="onnxruntime")
    found = json.loads(out.read_text())
    peaks = [alarm["peak"] for alarm in found["highest"]]
    assert found["images"] == 3
    assert peaks == sorted(peaks, reverse=True)
    assert len(peaks) <= 5
    assert min(peaks) >= found["threshold"]
    assert found["regions_per_image"] == pytest.approx(sum(found["regions"].values()) / 3, abs=1e-3)
    assert cv2.imread(str(out.with_suffix(".jpg"))).shape[1] == 2000


def test_objects_of_the_void_classes_are_no_false_alarms(folder, tmp_path):
    out = tmp_path / "found.json"
    false_alarms("fishy-s", folder, out, count=1000, every=2, runtime="onnxruntime")
    highest = json.loads(out.read_text())["highest"]
    objects = cv2.imread(str(folder / "void_ids/2.png"), cv2.IMREAD_GRAYSCALE) == TRAILER

    def on_objects(frame: str) -> list[bool]:
        boxes = [alarm["box"] for alarm in highest if alarm["frame"] == frame]
        return [bool(objects[top:bottom, left:right].mean() > 0.5) for left, top, right, bottom in boxes]

    assert any(on_objects("0")), "the objects of the street score high"
    assert not any(on_objects("2"))
