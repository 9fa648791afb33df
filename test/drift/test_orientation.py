"""Where things are speaks for an upright image or for one that is upside down."""

from __future__ import annotations

import numpy as np
import pytest

from fishy_ros.drift.orientation import LEVELS, from_rows, half_histogram, log_ratios, orientation_ratio, to_rows


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright half of class 10 over a dark half of class 0, and a class 2 that is in both."""
    random = np.random.default_rng(seed)
    image = np.empty((40, 60, 3), np.float32)
    image[:20], image[20:] = 200, 80
    labels = np.zeros((40, 60), np.uint8)
    labels[:20] = 10
    labels[:, 20:30] = 2
    return np.clip(image + random.normal(0, 10, image.shape), 0, 255).astype(np.uint8), labels


def turned(scene: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Turn image and labels alike, as a network that knows nothing of places would."""
    image, labels = scene
    return image[::-1, ::-1], labels[::-1, ::-1]


def ratios_of(*seeds: int) -> np.ndarray:
    upright = np.mean([half_histogram(*scene(seed)) for seed in seeds], axis=0)
    return log_ratios(upright, np.mean([half_histogram(*turned(scene(seed))) for seed in seeds], axis=0))


def test_each_pixel_is_counted_in_the_half_where_it_is():
    image, labels = scene(0)
    histogram = half_histogram(image, labels)
    assert histogram.shape == (256, LEVELS, 2)
    assert histogram.sum() == pytest.approx(1.0)
    for name in (0, 2, 10):
        expected = [(labels[:20] == name).sum() / labels.size, (labels[20:] == name).sum() / labels.size]
        np.testing.assert_allclose(histogram[name].sum(axis=0), expected)
    np.testing.assert_allclose(half_histogram(*turned((image, labels))), histogram[..., ::-1])


def test_an_upright_scene_is_likelier_and_the_turned_one_exactly_as_much_less():
    ratios = ratios_of(*range(5))
    image, labels = scene(9)
    upright = orientation_ratio(half_histogram(image, labels), ratios)
    assert upright > 1.0
    assert orientation_ratio(half_histogram(*turned((image, labels))), ratios) == pytest.approx(-upright)
    unknown = np.full_like(labels, 7)
    assert orientation_ratio(half_histogram(image, unknown), ratios) == 0.0, (
        "a class that was never seen speaks for neither"
    )


def test_the_level_of_brightness_speaks_where_the_class_does_not():
    ratios = ratios_of(0)
    image, labels = scene(1)
    everywhere = np.full_like(labels, 2)
    assert orientation_ratio(half_histogram(image, everywhere), ratios) > 0.0
    assert orientation_ratio(half_histogram(image[::-1], everywhere), ratios) < 0.0


def test_what_the_network_makes_of_turned_images_is_what_they_are_compared_with():
    """A network that sees a road below whatever it is shown, but calls the sky there a building, gives itself away."""
    image, labels = scene(0)
    seen_turned = labels.copy()
    seen_turned[20:, :20] = 2
    ratios = log_ratios(half_histogram(image, labels), half_histogram(image[::-1, ::-1], seen_turned))
    other, _ = scene(1)
    assert orientation_ratio(half_histogram(other, labels), ratios) > 0.0
    assert orientation_ratio(half_histogram(other[::-1, ::-1], seen_turned), ratios) < 0.0


def test_the_rows_of_a_baseline_hold_all_of_the_ratios():
    ratios = ratios_of(0)
    rows = to_rows(ratios)
    assert set(rows) == {0, 2, 10}
    np.testing.assert_array_equal(from_rows(rows), ratios)
    assert from_rows({}) is None
    assert from_rows({0: (1.0,)}) is None
