"""Procedural objects: of many shapes, shaded, and half of them wear a photograph."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the training layer is not tested")

from fishy_ros.training.procedural import random_object  # noqa: E402

MAGENTA = np.tile(np.uint8([200, 0, 200]), (64, 64, 1))


@pytest.fixture
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


class MeanDice:
    """Throws the mean of everything, and the shape of a given number."""

    def __init__(self, shape):
        self._first = [shape]

    def integers(self, low, high=None):
        return self._first.pop() if self._first else (low + high) // 2

    def random(self):
        return 0.999

    def uniform(self, low, high, size=None):
        return np.full(() if size is None else size, (low + high) / 2)[()]

    def normal(self, mean=0.0, spread=1.0, size=None):
        return np.full(() if size is None else size, mean, float)[()]


@pytest.mark.parametrize(
    ("shape", "aspect", "fill", "greys"),
    [
        pytest.param(0, 0.97, 0.91, {(0.25, 0.5): 0.75, (0.8, 0.5): 0.55, (0.5, 0.08): 1.1}, id="box"),
        pytest.param(2, 1 / 0.35, 1.0, {(0.5, 0.5): 0.8, (0.1, 0.5): 0.8}, id="board"),
        pytest.param(3, 1.15, np.pi / 4, {(0.5, 0.5): 0.83, (0.5, 0.25): 0.974, (0.5, 0.75): 0.574}, id="ball"),
        pytest.param(4, 1 / 0.7, np.pi / 4, {(0.5, 0.5): 0.244, (0.85, 0.5): 0.192}, id="tire"),
        pytest.param(5, 0.9, 0.395, {(0.5, 0.3): 0.9, (0.5, 0.9): 0.9, (0.65, 0.5): 0.617}, id="cone"),
        pytest.param(6, 0.575, 0.783, {(0.5, 0.7): 1.1, (0.75, 0.7): 0.962, (0.25, 0.7): 1.077}, id="bottle"),
        pytest.param(7, 1 / 0.65, np.pi / 4, {(0.5, 0.5): 0.75, (0.5, 0.1): 0.835, (0.5, 0.9): 0.665}, id="heap"),
    ],
)
def test_the_mean_of_each_shape_has_the_outline_and_the_shading_of_its_formula(shape, aspect, fill, greys):
    """`greys`: at a share of the width and of the height, the light on paint of the mean grey of 127.5."""
    found = random_object(MeanDice(shape), [])
    height, width = found.alpha.shape
    assert width / height == pytest.approx(aspect, rel=0.04)
    assert (found.alpha > 0.5).mean() == pytest.approx(fill, abs=0.025)
    for (x, y), light in greys.items():
        color = found.color[int(y * height), int(x * width)]
        assert np.ptp(color) <= 1
        assert color.mean() == pytest.approx(127.5 * light, abs=5), (x, y)


def test_more_than_half_of_the_paints_have_a_color():
    colored = []
    for seed in range(120):
        found = random_object(np.random.default_rng(seed), [])
        middle = np.median(found.color[found.alpha > 0.5], axis=0)
        colored.append(np.ptp(middle) > 3)
    assert 0.45 < np.mean(colored) < 0.85
