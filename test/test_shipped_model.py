"""The shipped models are as good as they say: a floor under what was measured on the shared dev frames."""

from pathlib import Path

import pytest

from fishy_ros.datasets.registry import open_dataset
from fishy_ros.evaluation.bench.precisions import compare_precisions

DATA = Path(__file__).resolve().parents[2] / "shared/data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here: quality is not measured")

FLOORS = [
    ("fishy-s", "fs_static_dev", 2, 0.75, 0.105),
    ("fishy-s", "road_anomaly21_dev", 1, 0.345, 0.46),
    ("fishy-s:anywhere", "fs_lost_and_found_dev", 2, 0.31, 0.095),
    ("fishy-s:anywhere", "fs_static_dev", 2, 0.815, 0.066),
    ("fishy-s:anywhere", "road_anomaly21_dev", 1, 0.44, 0.31),
    ("fishy-m", "fs_lost_and_found_dev", 3, 0.60, 0.015),
]
"""Model, set, every how many frames, AP at least, FPR95 at most: what was measured on these frames, and some room for
another runtime's rounding."""
MIOU = 0.38
"""Mean IoU at least, on every fifth frame of two cities that were not trained on."""
LOST_AND_FOUND = (0.50, 0.025)
"""AP at least and FPR95 at most of fishy-s, on all of those frames."""
PRECISION_COST = 0.005
"""AP that INT8 may cost."""


@pytest.mark.parametrize(("model", "folder", "step", "ap", "fpr95"), FLOORS)
def test_a_shipped_score_is_as_good_as_it_was(tmp_path, model, folder, step, ap, fpr95):
    frames = open_dataset("folder", some_frames(DATA / "eval" / folder, step, tmp_path))
    found = compare_precisions(model, "auto", "cpu", ["fp32"], frames, None, lambda: None).precisions[0]
    assert found.ap >= ap
    assert found.fpr95 <= fpr95


def test_the_segmentation_is_as_good_as_it_was(tmp_path):
    streets = some_frames(DATA / "train/cityscapes_holdout", 5, tmp_path / "streets")
    frame = open_dataset("folder", some_frames(DATA / "eval/road_anomaly21_dev", 99, tmp_path / "frame"))
    found = compare_precisions("fishy-s", "auto", "cpu", ["fp32"], frame, streets, lambda: None).precisions[0]
    assert found.miou is not None
    assert found.miou >= MIOU


def test_fishy_s_is_as_good_as_it_was_on_all_of_lost_and_found_and_int8_costs_little():
    frames = open_dataset("folder", DATA / "eval/fs_lost_and_found_dev")
    full, whole = compare_precisions("fishy-s", "auto", "cpu", ["fp32", "int8"], frames, None, lambda: None).precisions
    least_ap, most_fpr95 = LOST_AND_FOUND
    assert full.ap >= least_ap
    assert full.fpr95 <= most_fpr95
    assert whole.ap >= full.ap - PRECISION_COST


def some_frames(folder, step, scratch):
    """Link every so many frames of a folder with `images` and `labels` into another such folder."""
    for name in ("images", "labels"):
        (scratch / name).mkdir(parents=True)
    for image in sorted((folder / "images").iterdir())[::step]:
        (scratch / "images" / image.name).symlink_to(image)
        (scratch / "labels" / f"{image.stem}.png").symlink_to(folder / "labels" / f"{image.stem}.png")
    return scratch
