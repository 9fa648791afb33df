"""`fishy bench regions` measures the work of the node for regions, part by part."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.command_line import output_of

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.bench.regions import WAYS
from fishy_ros.model_package import ModelPackage

pytestmark = pytest.mark.live


def run(package: ModelPackage, pictures: Path, out: Path) -> None:
    words = ["bench", "regions", "--model", str(package.folder), "--runtime", "onnxruntime", "--size", "64x128"]
    words += ["--pictures", str(pictures), "--rounds", "2", "--frames", "3", "--warm-up", "1", "--out", str(out)]
    output_of(*words)


def test_what_regions_add_is_the_sum_of_its_parts(tiny_package: ModelPackage, tmp_path: Path) -> None:
    pictures = tmp_path / "drive"
    pictures.mkdir()
    for number in range(3):
        image = np.full((64, 128, 3), 60, np.uint8)
        image[40:50, 20 + 5 * number : 40 + 5 * number] = 255
        cv2.imwrite(str(pictures / f"{number}.png"), image)
    out = tmp_path / "regions.json"
    run(tiny_package, pictures, out)
    alone, *others = json.loads(out.read_text())["bench"]["methods"]
    assert [one["name"] for one in (alone, *others)] == list(WAYS)
    assert "regions" not in alone["stages_ms"]
    parts = ("find", "mask", "follow", "points", "markers")
    for method, count in zip(others, (2, 4, 5), strict=True):
        stages = method["stages_ms"]
        assert all(stages[part]["median"] > 0 for part in parts[:count])
        assert not any(part in stages for part in parts[count:])
        lowest = [stages[part]["low"] for part in parts[:count]]
        assert sum(lowest) <= stages["regions"]["low"] < stages["regions"]["high"] <= stages["total"]["high"]


def test_a_folder_without_pictures_is_named(tiny_package: ModelPackage, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no pictures in this folder"):
        run(tiny_package, tmp_path, tmp_path / "out.json")
