"""Light, color, weather, focus, noise and compression: each really happens, and about as often as it should."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the training layer is not tested")

from fishy_ros.training.augment import change_photometry  # noqa: E402

SIDE, DRAWS = 32, 400
HALF = SIDE // 2


def flat(*bgr):
    return np.broadcast_to(np.uint8(bgr), (SIDE, SIDE, 3)).copy()


def step_edge():
    image = flat(64, 64, 64)
    image[:, HALF:] = 192  # on the border of two JPEG blocks, where compression cannot soften it
    return image


def checkerboards():
    """Left: light and dark pixels of one color; right: pixels of one lightness and two colors."""
    sign = np.where(np.indices((SIDE, SIDE)).sum(0) % 2, 1, -1)[..., None]
    luma, chroma = sign * np.array([40, 40, 40]), sign * np.array([80, 0, -30])
    return np.uint8(128 + np.where(np.arange(SIDE)[:, None] < HALF, luma, chroma))


def is_lifted_from_black(image):
    return np.median(image) > 10


def has_color_cast(image):
    return np.ptp(np.median(image, axis=(0, 1))) > 3


def has_lost_half_its_saturation(image):
    return np.ptp(np.median(image, axis=(0, 1))) < 0.5 * 120


def has_gained_a_quarter_of_saturation(image):
    # Relative to the lightness, so that contrast alone is not taken for saturation.
    middle = np.median(image, axis=(0, 1))
    return np.ptp(middle) / middle.mean() > 1.25


def is_lit_unevenly_across(image):
    return image.mean(axis=(0, 2)).std() > 5


def is_foggy_far_away(image):
    top, bottom = image[:4].mean(), image[-4:].mean()
    return top > 70 and top - bottom > 40


def profile(image):
    return image.mean(axis=(0, 2))


def is_blurred(image):
    across = profile(image)
    return np.diff(across).max() < 0.75 * (across[-4:].mean() - across[:4].mean())


def is_sharpened(image):
    across = profile(image)
    dark, light = across[HALF - 6 : HALF - 3].mean(), across[HALF + 3 : HALF + 6].mean()
    return across[HALF - 1] < dark - 4 and across[HALF] > light + 4


def is_noisy(image):
    grain = image.astype(float) - cv2.GaussianBlur(image, (0, 0), 1.5)
    return grain.std() > 0.9


def is_compressed(image):
    """Tell whether color differences of single pixels are lost and those of lightness are not: JPEG's 4:2:0."""
    b, g, r = np.moveaxis(image.astype(float), 2, 0)
    luma = (b + g + r)[:, : HALF - 1]
    chroma = (b - r)[:, HALF + 1 :]
    return np.abs(np.diff(luma)).mean() > 30 and np.abs(np.diff(chroma)).mean() < 0.2 * np.abs(np.diff(luma)).mean()


@pytest.mark.parametrize(
    ("is_changed", "image", "least", "most"),
    [
        pytest.param(is_lifted_from_black, flat(0, 0, 0), 0.2, 0.5, id="tone curve"),
        pytest.param(has_color_cast, flat(110, 110, 110), 0.4, 0.75, id="color cast"),
        pytest.param(has_lost_half_its_saturation, flat(60, 120, 180), 0.06, 0.4, id="less saturation"),
        pytest.param(has_gained_a_quarter_of_saturation, flat(60, 120, 180), 0.08, 0.5, id="more saturation"),
        pytest.param(is_lit_unevenly_across, flat(110, 110, 110), 0.08, 0.25, id="uneven light"),
        pytest.param(is_foggy_far_away, flat(0, 0, 0), 0.02, 0.12, id="fog"),
        pytest.param(is_blurred, step_edge(), 0.1, 0.4, id="blur"),
        pytest.param(is_sharpened, step_edge(), 0.05, 0.3, id="sharpening"),
        pytest.param(is_noisy, flat(110, 110, 110), 0.25, 0.55, id="noise"),
        pytest.param(is_compressed, checkerboards(), 0.12, 0.4, id="compression"),
    ],
)
def test_a_change_happens_about_as_often_as_it_should_and_not_at_all_without_photometry(is_changed, image, least, most):
    changed = [is_changed(change_photometry(image, 1.0, np.random.default_rng(seed))) for seed in range(DRAWS)]
    assert least < np.mean(changed) < most
    np.testing.assert_array_equal(change_photometry(image, 0.0, np.random.default_rng(0)), image)


def test_gamma_bends_the_tone_curve_both_ways():
    """A straight tone curve moves the middle of dark and light to the middle of where they go.

    Narrow stripes, so that light which changes across the image does not look like a bend.
    """
    stripes = np.repeat(np.uint8([48, 96, 144, 96] * 2), 4)
    image = np.broadcast_to(stripes[None, :, None], (SIDE, SIDE, 3)).copy()
    bends = []
    for seed in range(DRAWS):
        across = profile(change_photometry(image, 1.0, np.random.default_rng(seed)))
        bends.append(across[stripes == 96].mean() - (across[stripes == 48].mean() + across[stripes == 144].mean()) / 2)
    assert np.mean(np.array(bends) > 3) > 0.08
    assert np.mean(np.array(bends) < -3) > 0.08


def test_noise_has_a_spread_of_at_most_nine_levels():
    for seed in range(DRAWS):
        image = change_photometry(flat(110, 110, 110), 1.0, np.random.default_rng(seed)).astype(float)
        grain = image - cv2.GaussianBlur(image, (0, 0), 1.5)
        assert grain.std() < 14, "compression may add to it"
