"""The shipped models are as good as they say: a floor under what was measured on the shared dev frames."""

from pathlib import Path

import pytest

from fishy_ros.datasets.registry import open_dataset
from fishy_ros.evaluation.bench.precisions import compare_precisions

DATA = Path(__file__).resolve().parents[2] / "shared/data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here: quality is not measured")

FLOORS = [
    ("fishy-s", "fs_lost_and_found_dev", 0.52, 0.03),
    ("fishy-s", "fs_static_dev", 0.71, 0.085),
    ("fishy-s", "road_anomaly21_dev", 0.345, 0.46),
    ("fishy-s:anywhere", "fs_lost_and_found_dev", 0.50, 0.08),
    ("fishy-s:anywhere", "fs_static_dev", 0.815, 0.065),
    ("fishy-s:anywhere", "road_anomaly21_dev", 0.44, 0.31),
]
"""Model, set, AP at least, FPR95 at most: what was measured, and some room for another runtime's rounding."""
MIOU = 0.38
"""Mean IoU at least, on every fifth frame of two cities that were not trained on."""
PRECISION_COST = 0.005
"""AP that INT8 may cost."""


@pytest.mark.parametrize(("model", "folder", "ap", "fpr95"), FLOORS)
def test_a_shipped_score_is_as_good_as_it_was(model, folder, ap, fpr95):
    frames = open_dataset("folder", DATA / "eval" / folder)
    found = compare_precisions(model, "auto", "cpu", ["fp32"], frames, None, lambda: None).precisions[0]
    assert found.ap >= ap
    assert found.fpr95 <= fpr95


def test_int8_costs_little_and_the_segmentation_is_as_good_as_it_was(tmp_path):
    streets = DATA / "train/cityscapes_holdout"
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for image in sorted((streets / "images").iterdir())[::5]:
        (tmp_path / "images" / image.name).symlink_to(image)
        (tmp_path / "labels" / f"{image.stem}.png").symlink_to(streets / "labels" / f"{image.stem}.png")
    frames = open_dataset("folder", DATA / "eval/fs_lost_and_found_dev")
    full, whole = compare_precisions(
        "fishy-s", "auto", "cpu", ["fp32", "int8"], frames, tmp_path, lambda: None
    ).precisions
    assert full.miou is not None
    assert full.miou >= MIOU
    assert whole.ap >= full.ap - PRECISION_COST
