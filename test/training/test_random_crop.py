"""A crop shows a piece of its street: mirrored half of the time, of every size, with labels and horizon that fit."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the training layer is not tested")

from fishy_ros.training.augment import AugmentConfig, random_crop  # noqa: E402
from fishy_ros.training.sources import TrainingImage  # noqa: E402

H, W, HORIZON = 512, 1024, 200
SKY, ROAD = 10, 0
CONFIG = AugmentConfig(height=128, width=256, reference_width=1024)
DRAWS = 150


def training_image(image, labels):
    return TrainingImage(
        image=image,
        labels=labels,
        confidence=np.full((H, W), 255, np.uint8),
        outlier=np.zeros((H, W), np.uint8),
        horizon=HORIZON / H,
    )


@pytest.fixture
def street():
    """Blue grows by 1 every 4 px to the right; green and the labels tell sky from road."""
    image = np.zeros((H, W, 3), np.uint8)
    image[..., 0] = np.arange(W) // 4
    image[HORIZON:, :, 1] = 255
    labels = np.full((H, W), SKY, np.uint8)
    labels[HORIZON:] = ROAD
    return training_image(image, labels)


@pytest.fixture
def crops(street):
    return [random_crop(street, CONFIG, np.random.default_rng(seed)) for seed in range(DRAWS)]


def columns_of(crop):
    """Return the first and the last column of the street that a crop shows, in px."""
    row = crop.image[64, :, 0].astype(int) * 4
    return row[0], row[-1]


def test_half_of_the_crops_are_mirrored(crops):
    mirrored = [left > right for left, right in map(columns_of, crops)]
    assert 0.35 < np.mean(mirrored) < 0.65


def test_sizes_span_the_range_of_scales(crops):
    widths = np.array([abs(right - left) for left, right in map(columns_of, crops)])
    smallest, largest = CONFIG.width / CONFIG.scale[1], CONFIG.width / CONFIG.scale[0]
    stretch = np.exp(CONFIG.stretch)
    assert smallest / stretch - 8 <= widths.min() < 1.15 * smallest
    assert 0.87 * largest < widths.max() <= largest * stretch + 8


def test_the_horizon_is_where_sky_and_road_meet(crops):
    seen = 0
    for crop in crops:
        road = (crop.labels == ROAD).all(axis=1)
        if road.any() and not road.all():
            seen += 1
            assert crop.horizon == pytest.approx(np.argmax(road), abs=1.5)
    assert seen > 20


def test_a_crop_has_the_classes_of_its_street_where_the_image_shows_them(crops):
    for crop in crops:
        assert set(np.unique(crop.labels)) <= {SKY, ROAD}
        shown = np.where(crop.image[..., 1] > 127, ROAD, SKY)
        assert (shown == crop.labels).mean() > 0.99


def test_thin_lines_are_averaged_when_a_street_is_reduced():
    image = np.zeros((H, W, 3), np.uint8)
    image[:, ::4] = 200
    config = AugmentConfig(height=128, width=256, reference_width=256, scale=(1.0, 1.0), stretch=0.0)
    crop = random_crop(training_image(image, np.zeros((H, W), np.uint8)), config, np.random.default_rng(0))
    np.testing.assert_allclose(crop.image, 200 / 4, atol=1)


def test_confidence_and_outliers_are_cut_out_like_the_labels(street):
    """Both have a border where the labels have one, so they must stay together."""
    outlier = np.where(street.labels == ROAD, 0, 255).astype(np.uint8)
    confidence = np.where(street.labels == ROAD, 255, 60).astype(np.uint8)
    source = replace(street, confidence=confidence, outlier=outlier)
    for seed in range(20):
        crop = random_crop(source, CONFIG, np.random.default_rng(seed))
        np.testing.assert_array_equal(crop.confidence, np.where(crop.labels == ROAD, 255, 60))
        np.testing.assert_array_equal(crop.outlier, np.where(crop.labels == ROAD, 0, 255))
