"""Colors speak for the channel order in which they were seen."""

from __future__ import annotations

import numpy as np
import pytest

from fishy_ros.drift.colors import (
    COLUMNS,
    MAX_CLASSES,
    ROWS,
    color_cells,
    color_histogram,
    color_order,
    from_rows,
    log_ratios,
    to_rows,
)


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A blue-grey half of class 10 over a reddish half of class 0."""
    random = np.random.default_rng(seed)
    image = np.empty((40, 60, 3), np.float32)
    image[:20], image[20:] = (200, 170, 150), (80, 90, 120)
    labels = np.zeros((40, 60), np.uint8)
    labels[:20] = 10
    return np.clip(image + random.normal(0, 10, image.shape), 0, 255).astype(np.uint8), labels


def test_exchanging_red_and_blue_mirrors_the_cells():
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    labels = np.random.default_rng(1).integers(0, 19, (50, 70)).astype(np.uint8)
    cells, mirrored = color_cells(image, labels), color_cells(image[..., ::-1], labels)
    np.testing.assert_array_equal(cells // COLUMNS, mirrored // COLUMNS)
    np.testing.assert_array_equal(cells % COLUMNS, COLUMNS - 1 - mirrored % COLUMNS)
    assert cells.max() < MAX_CLASSES * ROWS * COLUMNS


def test_the_right_order_is_likelier_and_the_exchanged_one_exactly_as_much_less():
    ratios = log_ratios(np.mean([color_histogram(*scene(seed)) for seed in range(5)], axis=0))
    image, labels = scene(9)
    assert color_order(image, labels, ratios) > 1.0
    assert color_order(image[..., ::-1], labels, ratios) == pytest.approx(-color_order(image, labels, ratios))
    grey = np.full_like(image, 130)
    assert color_order(grey, labels, ratios) == 0.0, "grey speaks for neither"
    assert color_order(image, np.full_like(labels, 7), ratios) == 0.0, "nor does a class that was never seen"


def test_the_rows_of_a_baseline_hold_all_of_the_ratios():
    ratios = log_ratios(color_histogram(*scene(0)))
    rows = to_rows(ratios)
    assert set(rows) == {0, 10}
    np.testing.assert_array_equal(from_rows(rows), ratios)
    assert from_rows({}) is None
    assert from_rows({0: (1.0,)}) is None
