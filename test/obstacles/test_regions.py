"""Masks and regions against scipy.ndimage and direct loops."""

import time
from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from fishy_ros.errors import ConfigError, ScoreError
from fishy_ros.obstacles import Box, Region, RegionRules, find_regions, mask

EIGHT = np.ones((3, 3))
SCORES = arrays(
    np.float32, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.sampled_from([0.0, 0.3, 0.6, 0.9])
)


def reference(score, threshold, low, smallest):
    """The mask and the components as sets of pixels, by scipy."""
    numbers, count = ndimage.label(score >= np.float32(low), EIGHT)
    kept = []
    for number in range(1, count + 1):
        inside = numbers == number
        if inside.sum() >= smallest and score[inside].max() >= np.float32(threshold):
            kept.append(inside)
    return kept


@settings(max_examples=150, deadline=None)
@given(SCORES, st.sampled_from([0.3, 0.6, 0.9]), st.sampled_from([0.3, 0.6, 0.9]), st.integers(1, 5))
def test_regions_are_those_of_scipy(score, first, second, smallest):
    low, high = sorted((first, second))
    labels = (np.arange(score.size).reshape(score.shape) % 3).astype(np.uint8)
    found = find_regions(score, labels, RegionRules(high, low, smallest, largest_number=1000))
    expected = reference(score, high, low, smallest)
    mask = np.zeros(score.shape, bool)
    for inside in expected:
        mask |= inside
    assert np.array_equal(found.mask == 255, mask)
    assert set(np.unique(found.mask)) <= {0, 255}
    assert len(found.regions) == len(expected)
    by_box = {(r.box.top, r.box.left, r.area_px): (i, r) for i, r in enumerate(found.regions)}
    for inside in expected:
        rows, columns = np.nonzero(inside)
        index, region = by_box[rows.min(), columns.min(), inside.sum()]
        assert (region.box.bottom, region.box.right) == (rows.max() + 1, columns.max() + 1)
        whole = np.zeros(score.shape, bool)
        whole[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = found.pixels_of(index)
        assert region.peak_score == score[whole].max()
        assert region.mean_score == pytest.approx(score[whole].mean(), abs=1e-6)
        counts = Counter(labels[whole].tolist())
        assert counts[region.class_id] == max(counts.values())
    assert [r.peak_score for r in found.regions] == sorted((r.peak_score for r in found.regions), reverse=True)


def street(object_row: int) -> tuple[np.ndarray, np.ndarray]:
    """Sky, buildings and road; a thing of 4x6 px whose lower edge lies above `object_row`."""
    labels = np.full((40, 60), 10, np.uint8)
    labels[10:20], labels[20:] = 2, 0
    score = np.zeros((40, 60), np.float32)
    score[object_row - 4 : object_row, 30:36] = 0.9
    labels[object_row - 4 : object_row, 30:36] = 13
    return score, labels


def test_only_what_stands_on_the_drivable_area_is_kept():
    rules = RegionRules(0.5, drivable_ids=frozenset({0}))
    on_road, on_facade = find_regions(*street(28), rules), find_regions(*street(16), rules)
    assert len(on_road.regions) == 1
    assert on_road.regions[0].class_id == 13
    assert on_facade.regions == ()
    assert not on_facade.mask.any()
    # A thing whose foot is at the edge of the road, with its body before a building, stands on the road.
    assert len(find_regions(*street(21), rules).regions) == 1


def test_what_the_network_takes_for_road_lies_on_the_drivable_area_at_the_edge_of_the_image_too():
    score, labels = street(28)
    score[:], labels[36:] = 0.0, 0
    score[36:, 10:20] = 0.9
    assert len(find_regions(score, labels, RegionRules(0.5, drivable_ids=frozenset({0}))).regions) == 1


def test_a_region_scales_with_its_image():
    region = Region(Box(1.0, 2.0, 5.0, 8.0), 20, 0.6, 0.9, 3)
    assert region.scaled(2.0, 0.5) == Region(Box(2.0, 1.0, 10.0, 4.0), 20, 0.6, 0.9, 3)
    assert region.scaled(2.0, 3.0).area_px == 120


def test_hysteresis_spreads_a_region_but_starts_none():
    score = np.full((1, 9), 0.1, np.float32)
    score[0, :4] = [0.4, 0.6, 0.4, 0.4]
    score[0, 6:8] = 0.4
    found = find_regions(score, None, RegionRules(0.5, 0.3))
    assert found.mask.tolist() == [[255] * 4 + [0] * 5]


def test_noise_gives_a_bounded_number_of_regions_and_its_whole_mask():
    score = np.zeros((64, 64), np.float32)
    score[::2, ::2] = np.linspace(0.5, 1.0, 32 * 32, dtype=np.float32).reshape(32, 32)
    found = find_regions(score, None, RegionRules(0.4, largest_number=5))
    assert len(found.regions) == 5
    assert np.array_equal(found.mask == 255, score >= np.float32(0.4))  # the mask leaves nothing out


@pytest.mark.parametrize(
    ("score", "labels", "rules"),
    [
        (np.zeros((4, 4)), None, RegionRules(0.5)),
        (np.zeros((4, 4), np.float32), np.zeros((4, 5), np.uint8), RegionRules(0.5)),
        (np.zeros((4, 4), np.float32), None, RegionRules(0.5, drivable_ids=frozenset({0}))),
    ],
)
def test_maps_that_do_not_fit_are_refused(score, labels, rules):
    with pytest.raises(ScoreError, match=r"expected|not known"):
        find_regions(score, labels, rules)


def test_a_low_threshold_above_the_threshold_is_refused():
    with pytest.raises(ConfigError, match="threshold_low"):
        RegionRules(0.5, 0.6)


def test_regions_of_a_usual_frame_cost_less_than_a_copy_of_a_camera_image_does_many_times():
    """A bound by a ratio, because clocks of busy machines lie: 20 copies of 1024x2048x3 take some 20 ms or more."""
    rng = np.random.default_rng(0)
    score = rng.random((512, 1024), np.float32) * 0.3
    for row, column in zip(rng.integers(250, 480, 8), rng.integers(50, 950, 8), strict=True):
        score[row : row + 20, column : column + 40] = 0.9
    labels = np.zeros(score.shape, np.uint8)
    rules = RegionRules(0.5, 0.4, 8, frozenset({0}))
    image = np.zeros((1024, 2048, 3), np.uint8)
    regions_s = min(_timed(lambda: find_regions(score, labels, rules)) for _ in range(20))
    copies_s = min(_timed(lambda: [image.copy() for _ in range(20)]) for _ in range(5))
    assert regions_s < copies_s
    assert cv2.countNonZero(find_regions(score, labels, rules).mask) > 0


def _timed(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def test_noise_is_labelled_as_anything_else_is(monkeypatch):
    score = np.random.default_rng(3).random((80, 90), np.float32)
    usual = find_regions(score, None, RegionRules(0.9, 0.75, 4, largest_number=500))
    monkeypatch.setattr(mask, "MANY_RUNS", 0)
    noise = find_regions(score, None, RegionRules(0.9, 0.75, 4, largest_number=500))
    assert len(usual.regions) > 20
    assert sorted(usual.regions, key=str) == sorted(noise.regions, key=str)
    assert np.array_equal(usual.mask, noise.mask)
