"""Pictures and heatmap sizes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fishy_ros.errors import ConfigError, ImageError
from fishy_ros.imaging import COLOR_MAPS, colorize, render_overlay, render_segmentation, resize_classes, resize_score


def test_resize_equals_opencv_bilinear():
    score = np.random.default_rng(0).random((7, 11), np.float32)
    np.testing.assert_array_equal(resize_score(score, 20, 33), cv2.resize(score, (33, 20)))


def test_resize_stays_in_range_and_keeps_a_map_of_the_right_size():
    score = np.random.default_rng(1).random((8, 8), np.float32)
    resized = resize_score(score, 64, 64)
    assert score.min() <= resized.min() <= resized.max() <= score.max()
    assert resize_score(score, 8, 8) is score


def test_classes_are_enlarged_and_reduced_without_new_ones():
    classes = np.array([[0, 18], [255, 7]], np.uint8)
    assert (resize_classes(classes, 6, 4) == np.kron(classes, np.ones((3, 2), np.uint8))).all()
    assert (resize_classes(np.kron(classes, np.ones((3, 3), np.uint8)), 2, 2) == classes).all()
    assert resize_classes(classes, 2, 2) is classes
    with pytest.raises(ImageError, match=r"expected \[h, w\]"):
        resize_classes(classes[None], 4, 4)


def test_resize_refuses_a_batch():
    with pytest.raises(ImageError, match=r"\(1, 4, 4\)"):
        resize_score(np.zeros((1, 4, 4), np.float32), 8, 8)


@pytest.mark.parametrize("color_map", COLOR_MAPS)
def test_color_maps_span_their_range(color_map):
    colors = colorize(np.array([[-1.0, 0.0, 1.0, 2.0, np.nan]], np.float32), color_map)
    np.testing.assert_array_equal(colors[0, 0], colors[0, 1])
    np.testing.assert_array_equal(colors[0, 2], colors[0, 3])
    np.testing.assert_array_equal(colors[0, 2], colors[0, 4])
    assert (colors[0, 0] != colors[0, 2]).any()


def test_an_unknown_color_map_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'rainbow'.*turbo"):
        colorize(np.zeros((2, 2), np.float32), "rainbow")


def test_overlay_keeps_the_normal_and_marks_the_anomalous():
    image = np.full((40, 60, 3), 90, np.uint8)
    score = np.zeros((40, 60), np.float32)
    score[10:20, 20:40] = 1.0
    overlay = render_overlay(image, score, threshold=0.5, opacity=0.5, color_map="turbo")
    np.testing.assert_array_equal(overlay[30:, :], image[30:, :])
    inside = 0.5 * colorize(np.ones((1, 1), np.float32))[0, 0] + 45.0
    np.testing.assert_allclose(overlay[15, 30], inside, atol=1.0)
    np.testing.assert_array_equal(overlay[10, 20:40], 255)
    assert (image == 90).all()


def test_overlay_takes_a_small_heatmap_and_a_padded_image():
    padded = np.zeros((32, 70, 3), np.uint8)[:, :64]
    assert render_overlay(padded, np.ones((8, 16), np.float32), 0.5).shape == (32, 64, 3)


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_overlay_survives_extreme_thresholds(threshold):
    assert render_overlay(np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), np.float32), threshold).dtype == np.uint8


def test_segmentation_uses_the_palette_in_bgr():
    palette = np.array([[128, 64, 128], [10, 20, 30]], np.uint8)
    picture = render_segmentation(np.array([[0, 1, 255]], np.uint8), palette)
    np.testing.assert_array_equal(picture, [[[128, 64, 128], [30, 20, 10], [0, 0, 0]]])


@pytest.mark.parametrize(("score", "weight"), [(0.5, 1.0), (0.25, 0.125), (0.1, 0.008), (0.9, 1.0)])
@pytest.mark.parametrize("opacity", [0.2, 0.6, 1.0])
def test_overlay_is_tinted_by_the_cube_of_the_score_over_the_threshold(score, weight, opacity):
    image = np.full((16, 16, 3), 90, np.uint8)
    heatmap = np.full((16, 16), score, np.float32)
    tint = colorize(heatmap)[8, 8].astype(float)
    expected = 90 + opacity * weight * (tint - 90)
    found = render_overlay(image, heatmap, threshold=0.5, opacity=opacity)
    np.testing.assert_allclose(found[8, 8], expected, atol=1.0)


def test_overlay_is_60_percent_heatmap_unless_told_otherwise():
    image, heatmap = np.full((16, 16, 3), 90, np.uint8), np.full((16, 16), 0.5, np.float32)
    np.testing.assert_array_equal(render_overlay(image, heatmap, 0.5), render_overlay(image, heatmap, 0.5, opacity=0.6))


@pytest.mark.parametrize("name", COLOR_MAPS)
def test_a_color_map_is_the_one_of_opencv_in_the_overlay_too(name):
    levels = np.arange(256, dtype=np.uint8)[None]
    expected = cv2.applyColorMap(levels, getattr(cv2, f"COLORMAP_{name.upper()}"))
    np.testing.assert_array_equal(colorize(levels.astype(np.float32) / 255, name), expected)
    image, heatmap = np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 0.8, np.float32)
    overlay = render_overlay(image, heatmap, threshold=0.8, opacity=1.0, color_map=name)
    np.testing.assert_allclose(overlay[4, 4], expected[0, 204].astype(float), atol=1)
