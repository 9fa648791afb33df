"""Where pasted objects stand, and that the label is what is seen of them."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.overlay_objects import PLAIN, disc, square

from fishy_ros.datasets.object_crops import ObjectCrop
from fishy_ros.datasets.overlay_effects import is_smooth
from fishy_ros.datasets.overlay_paste import Placement, draw_placement, ego_vehicle, paste
from fishy_ros.datasets.overlay_settings import OverlaySettings


def test_the_foot_stands_where_it_was_placed_and_the_label_is_as_tall():
    image = np.zeros((200, 300, 3), np.float32)
    covered = paste(image, square(), Placement(150, 160, 60), PLAIN, np.random.default_rng(0))
    rows, columns = np.nonzero(covered)
    assert abs(rows.max() + 1 - 160) <= 2
    assert abs(np.ptp(rows) + 1 - 60) <= 3
    assert abs(columns.mean() - 150) <= 1
    np.testing.assert_allclose(image[130, 150], (10, 200, 60), atol=1)
    assert not image[~covered].max(initial=0) > 200


def test_objects_lie_anywhere_but_never_on_the_ego_vehicle():
    labels = np.zeros((100, 200), np.uint8)
    labels[80:, 40:160] = 255  # the bonnet
    labels[10:30, 10:30] = 255  # void elsewhere is not the ego vehicle
    ego = ego_vehicle(labels, labels.shape, 0.9)
    assert ego.sum() == 20 * 120
    seen = np.zeros((100, 200))
    for seed in range(400):
        placed = draw_placement(square(), ego, OverlaySettings(size=(0.05, 0.2)), np.random.default_rng(seed))
        assert placed is not None
        side = placed.height / 2
        assert side <= placed.x <= 200 - side
        seen[
            max(0, round(placed.y - placed.height)) : round(placed.y), round(placed.x - side) : round(placed.x + side)
        ] += 1
    assert not seen[82:, 42:158].any()
    assert (seen[:80].reshape(8, 10, 200).sum((1, 2)) > 0).all(), "every tenth of the height above the bonnet"


def test_without_labels_the_ego_vehicle_begins_at_the_bonnet():
    assert ego_vehicle(None, (100, 10), 0.86)[:, 0].nonzero()[0].tolist() == list(range(86, 100))


def test_birds_fly_and_mammals_stand():
    ego = np.zeros((100, 200), bool)
    middles = {}
    for kind in ("bird", "dog", "sofa"):
        thing = ObjectCrop(f"{kind}_1", square().image, square().alpha)
        drawn = [draw_placement(thing, ego, OverlaySettings(), np.random.default_rng(seed)) for seed in range(300)]
        middles[kind] = np.mean([place.y - place.height / 2 > 50 for place in drawn if place])
    assert middles["bird"] < 0.35 < middles["sofa"] < 0.65 < middles["dog"]


def test_what_stands_far_away_is_blurred_and_what_stands_near_is_moved():
    """Depth blur by position: sharp at the lower edge, blurred at the horizon; motion the other way round."""
    crop, rng = square(60), np.random.default_rng(0)

    def rim(settings, foot):
        image = np.zeros((1000, 400, 3), np.float32)
        paste(image, crop, Placement(200, foot, 60), settings, rng, mirror=False)
        edge = image[foot - 30, :, 1]
        return int(((edge > 10) & (edge < 190)).sum())

    horizon = round(1000 * PLAIN.horizon)
    defocused = dataclasses.replace(PLAIN, defocus=2.5)
    assert rim(defocused, horizon + 5) > rim(defocused, 990) + 4
    moved = dataclasses.replace(PLAIN, motion=0.06)
    assert rim(moved, 990) > rim(moved, horizon + 5)


@given(x=st.integers(-100, 400), y=st.integers(-100, 400), height=st.floats(0.1, 900))
@settings(max_examples=60, deadline=None)
def test_pasting_over_any_edge_is_safe(x, y, height):
    image = np.full((60, 90, 3), 50, np.float32)
    reference = np.full((60, 90, 3), 50, np.uint8)
    paste(image, square(12), Placement(x, y, height), OverlaySettings(), np.random.default_rng(0), reference)
    assert np.isfinite(image).all()


def test_only_a_hard_mask_is_smoothed():
    hard = disc()
    smooth = cv2.GaussianBlur(hard, (0, 0), 2)
    assert not is_smooth(hard)
    assert is_smooth(smooth)
    image = np.zeros((100, 100, 3), np.float32)
    thing = ObjectCrop("a", np.full((41, 41, 3), 255, np.uint8), smooth)
    paste(image, thing, Placement(50, 70, 41), PLAIN, np.random.default_rng(0), mirror=False)
    assert image.sum() / 255 / 3 == pytest.approx(smooth.sum(), rel=0.01), "its area stays"
