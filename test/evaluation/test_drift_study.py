"""The study of the drift monitor: counts that are those of the monitor itself."""

from __future__ import annotations

import json

import cv2
import pytest
from support.command_line import output_of

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import DatasetError
from fishy_ros.evaluation.drift_study import AS_IT_IS, CONDITIONS, WINDOW, Warned, choose_images, measure_drift

IMAGES = WINDOW + 2


@pytest.fixture
def street(street_package, tmp_path):
    """The package, and a folder of normal images that it was not measured on."""
    package, images = street_package
    folder = tmp_path / "street"
    folder.mkdir()
    for index in range(IMAGES):
        assert cv2.imwrite(str(folder / f"{index}.png"), images[index % len(images)])
    return package, folder


def test_normal_images_are_not_warned_of_and_every_corrupted_one_is(street):
    package, folder = street
    steps = []
    with AnomalyDetector(package, "onnxruntime", threads=1) as detector:
        result = measure_drift(detector, {"street": choose_images(folder, IMAGES)}, {}, lambda: steps.append(1))
    (row,) = result.folders
    assert (row.images, row.windows) == (IMAGES, 3)
    assert row.warned == {name: Warned(0, 0) if name == AS_IT_IS else Warned(IMAGES, 3) for name in CONDITIONS}
    assert len(steps) == IMAGES * len(CONDITIONS)


def test_fewer_images_than_a_window_make_no_window(street):
    package, folder = street
    with AnomalyDetector(package, "onnxruntime", threads=1) as detector:
        result = measure_drift(detector, {"street": choose_images(folder, 2)}, {}, lambda: None)
    (row,) = result.folders
    assert (row.images, row.windows, row.warned["black"]) == (2, 0, Warned(2, 0))


def test_the_images_come_from_the_middle_of_their_natural_order(street):
    _, folder = street
    assert [file.name for file in choose_images(folder, 4)] == ["4.png", "5.png", "6.png", "7.png"]
    assert len(choose_images(folder, 99)) == IMAGES


def test_a_folder_without_images_is_named(tmp_path):
    with pytest.raises(DatasetError, match=f"{tmp_path}: expected a folder of images, found none"):
        choose_images(tmp_path, 3)


def test_the_command_prints_the_table_and_writes_the_numbers(street, tmp_path):
    package, folder = street
    out = tmp_path / "result" / "drift.json"
    words = ["drift", "--root", str(folder.parent), folder.name, "--model", str(package.folder), "--images", "1"]
    assert "street" in output_of(*words, "--runtime", "onnxruntime", "--threads", 1, "--out", out)
    written = json.loads(out.read_text())["drift"]
    assert written["graph_sha256"] == package.sha256
    assert written["folders"][0]["warned"]["dark"] == {"images": 1, "windows": 0}
