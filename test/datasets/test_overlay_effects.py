"""Effects on pasted objects that do what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from support.overlay_objects import disc

from fishy_ros.datasets.overlay_effects import (
    adapt_brightness,
    add_fog,
    color_noise,
    depth_blur,
    glow,
    match_histogram,
    overexpose,
    premultiply,
    radial_motion_blur,
    soften_edge,
)


def test_repeated_colors_get_the_mean_of_their_ranks():
    reference = np.arange(256, dtype=np.uint8).repeat(4)[:1020].reshape(10, 102, 1).repeat(3, 2)
    black_and_white = np.zeros((10, 10, 3), np.float32)
    black_and_white[6:] = 200
    alpha = np.ones((10, 10), np.float32)
    matched = match_histogram(black_and_white, alpha, reference, 1.0)
    np.testing.assert_allclose(matched[0, 0], 0.3 * 254.5, atol=1)  # 60 % black: ranks 0 to 0.6, the middle is 0.3
    np.testing.assert_allclose(matched[9, 9], 0.8 * 254.5, atol=1)
    plain = match_histogram(np.full((10, 10, 3), 7, np.float32), alpha, reference, 1.0)
    np.testing.assert_allclose(plain, 127, atol=1)


def test_histogram_matching_gives_the_distribution_of_the_reference():
    random = np.random.default_rng(0)
    colors = random.normal(200, 10, (60, 60, 3)).astype(np.float32)
    reference = random.normal(80, 25, (60, 60, 3)).clip(0, 255).astype(np.uint8)
    alpha = np.ones((60, 60), np.float32)
    full = match_histogram(colors, alpha, reference, 1.0)
    assert full.mean() == pytest.approx(80, abs=2)
    assert full.std() == pytest.approx(25, abs=2)
    half = match_histogram(colors, alpha, reference, 0.5)
    assert half.mean() == pytest.approx(140, abs=2)
    np.testing.assert_array_equal(match_histogram(colors, alpha, reference, 0.0), colors)
    order = np.argsort(colors[..., 0].ravel(), kind="stable")
    assert (np.diff(full[..., 0].ravel()[order]) >= -1e-3).all(), "brighter stays brighter"


def test_brightness_moves_to_the_mean_of_what_is_covered():
    colors = np.full((8, 8, 3), (200, 220, 180), np.float32)
    covered = np.full((8, 8, 3), 60, np.float32)
    alpha = np.ones((8, 8), np.float32)
    np.testing.assert_allclose(adapt_brightness(colors, alpha, covered, 1.0)[0, 0], (60, 80, 40), atol=1e-3)
    np.testing.assert_array_equal(adapt_brightness(colors, alpha, covered, 0.0), colors)


def test_motion_blur_points_away_from_the_focus_and_keeps_the_light():
    picture = premultiply(np.full((41, 41, 3), 100, np.float32), disc())
    blurred = radial_motion_blur(picture, (-400.0, 20.0), 0.03)
    assert blurred[..., 3].sum() == pytest.approx(picture[..., 3].sum(), rel=0.03)
    widths = [
        (np.ptp(np.nonzero(image[..., 3] > 0.02)[1]), np.ptp(np.nonzero(image[..., 3] > 0.02)[0]))
        for image in (picture, blurred)
    ]
    assert widths[1][0] > widths[0][0] + 4, "longer along the line to the focus"
    assert abs(int(widths[1][1]) - int(widths[0][1])) <= 1, "not across it"
    np.testing.assert_array_equal(radial_motion_blur(picture, (20.0, 20.0), 0.0), picture)


def test_depth_blur_softens_without_darkening_the_edge():
    picture = premultiply(np.full((41, 41, 3), 100, np.float32), disc())
    blurred = depth_blur(picture, 2.0)
    cover = blurred[..., 3] > 0.05
    np.testing.assert_allclose(blurred[cover][:, :3] / blurred[cover][:, 3:], 100, rtol=1e-3)
    assert blurred[..., 3].sum() == pytest.approx(picture[..., 3].sum(), rel=1e-3)
    assert np.abs(np.diff(blurred[20, :, 3])).max() < 0.3


def test_noise_has_the_wanted_deviation():
    noisy = color_noise(np.full((200, 200, 3), 90, np.float32), 4.0, np.random.default_rng(0))
    assert noisy.std() == pytest.approx(4.0, rel=0.02)
    assert noisy.mean() == pytest.approx(90, abs=0.1)


def test_glow_is_inside_the_edge_only():
    alpha = disc(81)
    share = glow(alpha, 3.0, 0.4)
    assert not share[alpha == 0].any()
    assert share[40, 40] == pytest.approx(0, abs=1e-3)
    assert 0.25 < share.max() <= np.float32(0.4)


def test_glow_brightens_and_never_darkens():
    alpha = disc(81)
    grey = premultiply(np.full((81, 81, 3), 128, np.float32), alpha)[..., :3]
    share = glow(alpha, 3.0, 0.4)
    black, white = (np.full((81, 81, 3), level, np.float32) * alpha[..., None] for level in (0, 255))
    np.testing.assert_array_equal(overexpose(grey, black, share), grey)
    assert overexpose(grey, white, share).max() > 150


def test_fog_follows_the_distance_of_the_ground():
    grey = np.full((100, 10, 3), 40, np.float32)
    foggy = add_fog(grey, 0.4, np.random.default_rng(0))[:, 0, 0]
    assert (np.diff(foggy[41:]) <= 1e-4).all(), "the nearer, the clearer"
    assert foggy[0] == foggy[39] > foggy[99] > 40


def test_a_softened_edge_lies_inside_the_old_one():
    alpha = disc()
    soft = soften_edge(alpha, 1.0)
    assert (soft[alpha == 0] < 0.2).all()
    assert 0 < (soft > 0.5).sum() < (alpha > 0.5).sum()
