"""Procedural objects: of many shapes, shaded, and half of them wear a photograph."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the training layer is not tested")

from fishy_ros.training.procedural import random_object  # noqa: E402

MAGENTA = np.tile(np.uint8([200, 0, 200]), (64, 64, 1))


@pytest.fixture(scope="module")
def objects():
    return [random_object(np.random.default_rng(seed), [MAGENTA]) for seed in range(250)]


def test_shapes_fill_their_box_by_different_shares(objects):
    fill = np.array([(one.alpha > 0.5).mean() for one in objects])
    assert 0.05 < np.mean(fill > 0.9) < 0.6, "boxes and bottles that lie flat"
    assert 0.1 < np.mean((fill > 0.74) & (fill < 0.83)) < 0.6, "ellipses fill pi / 4"
    assert 0.1 < np.mean(fill < 0.7) < 0.6, "boards, cones, bottles and heaps"


def test_shapes_are_wide_and_tall(objects):
    aspect = np.array([one.alpha.shape[1] / one.alpha.shape[0] for one in objects])
    assert np.mean(aspect > 1.3) > 0.1
    assert np.mean(aspect < 0.8) > 0.05


def test_half_of_them_wear_a_piece_of_a_photograph(objects):
    wears = [one.color[one.alpha > 0.5][:, 1].max() < 20 for one in objects]
    assert 0.35 < np.mean(wears) < 0.65


def test_they_are_shaded(objects):
    """What wears a photograph of one color shows nothing but its shading."""
    shading = []
    for one in objects:
        pixels = one.color[one.alpha > 0.5].astype(float)
        if pixels[:, 1].max() < 20:
            shading.append(pixels[:, 0].std() / pixels[:, 0].mean())
    assert np.median(shading) > 0.07
