"""Outliers as the papers paste them: patches of one size, one street of several, and four crops around an outlier."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.augment import AugmentConfig  # noqa: E402
from fishy_ros.training.crops import CropStream  # noqa: E402
from fishy_ros.training.four_way_split import split_at, target_centre, whole_street  # noqa: E402
from fishy_ros.training.object_bank import ObjectBank  # noqa: E402
from fishy_ros.training.object_crops import ObjectCrop  # noqa: E402
from fishy_ros.training.paste import PasteConfig, Scene, populate  # noqa: E402
from fishy_ros.training.sources import SourceConfig, TrainingImage  # noqa: E402

H, W = 128, 256
ALONE = {"distractors": 0.0, "ground_patches": 0.0, "markings": 0.0, "procedural": 0.0}


def bank():
    block, alpha = np.full((30, 40, 3), 240, np.uint8), np.ones((30, 40), np.float32)
    return ObjectBank([[ObjectCrop(block, alpha)]], [], [])


def scene():
    return Scene(*(np.zeros((H, W, *more), np.uint8) for more in ((3,), (), ())), H / 2, np.zeros((H, W), np.uint8))


def share_of_outliers(config, seed):
    crop = scene()
    populate(crop, bank(), config, np.random.default_rng(seed))
    return float((crop.outlier == 1).mean())


def test_patches_of_fixed_size_cover_the_same_share_wherever_they_lie():
    config = PasteConfig(outliers=1e-9, fixed_share=0.05, **ALONE)
    shares = [share_of_outliers(config, seed) for seed in range(40)]
    assert min(shares) > 0.9 * 0.05
    assert max(shares) < 1.1 * 0.05
    others = [share_of_outliers(PasteConfig(outliers=1e-9, anywhere=1.0, **ALONE), seed) for seed in range(40)]
    assert np.std(others) > 3 * np.std(shares)


def test_one_crop_of_several_gets_outliers():
    config = PasteConfig(outliers=1.0, anywhere=1.0, one_in=4, **ALONE)
    pasted = [share_of_outliers(config, seed) > 0 for seed in range(400)]
    assert np.mean(pasted) == pytest.approx(0.25, abs=0.07)


@pytest.mark.parametrize(("key", "value"), [("fixed_share", 0.0), ("fixed_share", 0.9), ("one_in", 0)])
def test_values_out_of_range_are_refused(key, value):
    with pytest.raises(ConfigError, match=f"paste: {key}: {value}; expected"):
        PasteConfig(**{key: value})
    assert not PasteConfig(fixed_share=0.1).on_device
    assert PasteConfig().on_device


def numbered() -> TrainingImage:
    """An image whose pixels say where they are, with an outlier in the middle of its right half."""
    image = np.zeros((H, W, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(H)[:, None], np.arange(W)
    outlier = np.zeros((H, W), np.uint8)
    outlier[50:71, 180:201] = 1
    return TrainingImage(image, np.zeros((H, W), np.uint8), outlier, np.full((H, W), 255, np.uint8), 0.5)


def test_four_crops_meet_at_the_outlier_and_hold_what_lies_around_it():
    config, rng = AugmentConfig(height=64, width=96, reference_width=W), np.random.default_rng(0)
    street = whole_street(numbered(), config, rng)
    centre = target_centre(street, rng)
    assert centre in {(60, 190), (60, W - 191)}, "as it is, or flipped"
    parts = list(split_at(street, centre, 64, 96))
    assert len(parts) == 4
    for number, part in enumerate(parts):
        assert part.image.shape == (64, 96, 3)
        assert (part.outlier == 1).any()
        assert (part.outlier == 0).any()
        top, left = centre[0] - 64 * (number < 2), centre[1] - 96 * (number % 2 == 0)
        y, x = np.nonzero(part.outlier != 255)
        np.testing.assert_array_equal(part.image[y, x], street.image[y + top, x + left])
        assert part.horizon == street.horizon - top
        assert ((part.outlier == 255) == (part.labels == 255)).all(), "black borders count nowhere"
    assert sum(int((part.outlier == 1).sum()) for part in parts) == 21 * 21


def test_a_stream_yields_four_crops_of_a_street_one_after_the_other():
    class Source:
        config = SourceConfig("images", "labels")

        def __len__(self):
            return 1

        def load(self, index):
            return numbered()

    config = AugmentConfig(height=64, width=96, reference_width=W, photometric=0.0)
    stream = iter(CropStream([Source()], bank(), config, PasteConfig(outliers=0.0, four_way=True, **ALONE), 0))
    crops = [next(stream) for _ in range(8)]
    assert {tuple(crop.image.shape) for crop in crops} == {(3, 64, 96)}
    assert all((crop.outlier == 1).any() for crop in crops)
