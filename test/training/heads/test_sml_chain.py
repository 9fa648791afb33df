"""Standardised max logits and what stands behind them, against direct computations."""

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve, correlate, grey_dilation, grey_erosion

from fishy_ros.training.heads.boundary_suppression import suppress_boundaries
from fishy_ros.training.heads.class_moments import ClassMoments
from fishy_ros.training.heads.dilated_gaussian import DilatedGaussian
from fishy_ros.training.heads.road_rows import SIDEWAYS, SUPPRESSION, UPWARD, fill_rows, filled_ground
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.standardized_max_logits import StandardizedMaxLogitsHead
from fishy_ros.training.nets.network import NetOutput

CLASSES, DETAIL, H, W = 19, 40, 12, 16


def moments(mean, std):
    found = Statistics()
    found.add("class_moments", {"max_logit_mean": mean, "max_logit_std": std})
    return found


def test_standardised_max_logit_counts_deviations_of_the_predicted_class(score, features):
    mean, std = torch.linspace(1, 5, CLASSES), torch.linspace(0.5, 2, CLASSES)
    logits = features.logits[0].numpy()
    winner = logits.argmax(axis=0)
    expected = (mean.numpy()[winner] - logits.max(axis=0)) / std.numpy()[winner]
    np.testing.assert_allclose(score("sml", moments(mean, std)), expected, atol=1e-5)
    np.testing.assert_array_equal(score("sml_raw", moments(mean, std)), score("sml", moments(mean, std)))


def test_tied_classes_share_their_moments_instead_of_adding_them():
    head = StandardizedMaxLogitsHead(torch.tensor([3.0, 7.0, 50.0]), torch.tensor([2.0, 2.0, 1.0]))
    logits = torch.tensor([5.0, 5.0, -1.0]).view(1, 3, 1, 1)
    alone = [float(head(logits + torch.eye(3)[n].view(1, 3, 1, 1) * 1e-5, None, None)) for n in (0, 1)]
    np.testing.assert_allclose(alone, (-1, 1), atol=1e-4)
    assert abs(float(head(logits, None, None))) < 1e-6, "between the two, where it was 5"


def test_moments_are_those_of_numpy_for_each_predicted_class(model, features):
    measure = ClassMoments(model, Statistics())
    shifted = features._replace(logits=features.logits.roll(1, dims=1) * 1.5)
    for net in (features, shifted):
        measure.observe(Observation(torch.zeros(1), net))
    found = measure.finish()
    logits = np.concatenate([net.logits[0].flatten(1).numpy() for net in (features, shifted)], axis=1)
    pixels = np.concatenate([features.linear.detail[0].flatten(1).numpy()] * 2, axis=1)
    winner, largest = logits.argmax(0), logits.max(0)
    residual = pixels.astype(np.float64).copy()
    for number in np.unique(winner):
        np.testing.assert_allclose(found["max_logit_mean"][number], largest[winner == number].mean(), rtol=1e-5)
        np.testing.assert_allclose(found["max_logit_std"][number], largest[winner == number].std(), atol=1e-4)
        centre = pixels[:, winner == number].mean(1)
        np.testing.assert_allclose(found["means"][number], centre, rtol=1e-4, atol=1e-5)
        residual[:, winner == number] -= centre[:, None]
    np.testing.assert_allclose(found["covariance"], residual @ residual.T / residual.shape[1], atol=1e-5)


def suppressed(score, labels):
    """The published algorithm step by step, one pixel after the other."""
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    boundary = grey_dilation(labels, footprint=cross, mode="nearest") != grey_erosion(labels, (3, 3), mode="nearest")
    for radius in (3, 2, 1, 0):
        wide = boundary.copy()
        for _ in range(radius):
            wide = grey_dilation(wide, footprint=cross, mode="constant", cval=0)
        inner = np.pad(~wide, 1, "edge")
        padded = np.pad(score, 1, "edge")
        for y, x in np.argwhere(wide):
            window = np.s_[y : y + 3, x : x + 3]
            if inner[window].any():
                score[y, x] = padded[window][inner[window]].mean()
    return score


def test_boundaries_are_suppressed_as_in_the_published_algorithm():
    rng = np.random.default_rng(0)
    labels = np.zeros((40, 60))
    labels[10:25, 20:45], labels[30:, :], labels[12:14, 24:26] = 3, 7, 1
    score = rng.normal(size=labels.shape)
    expected = suppressed(score.copy(), labels)
    got = suppress_boundaries(torch.tensor(score)[None, None], torch.tensor(labels)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-9)
    assert (got != score).mean() > 0.1


def test_smoothing_is_one_correlation_with_the_dilated_kernel():
    head = DilatedGaussian(torch.nn.Identity())
    axis = np.zeros(37)
    axis[::6] = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    kernel = np.outer(axis, axis)
    image = np.random.default_rng(0).normal(size=(50, 60))
    expected = correlate(image, kernel / kernel.sum(), mode="nearest")
    got = head.smooth(torch.tensor(image).float()[None, None])[0, 0].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_whole_chain_leaves_a_constant_score_alone(score):
    logits = torch.zeros(1, CLASSES, H, W)
    logits[:, 3] = 7
    flat = NetOutput(logits, torch.zeros(1, 64, H // 2, W // 2), torch.zeros(1, DETAIL, H, W))
    plain = moments(torch.zeros(CLASSES), torch.ones(CLASSES))
    np.testing.assert_allclose(score("sml+boundaries+gaussian", plain, flat), -7, atol=1e-4)


ROWS = [
    "................",
    "................",
    "................",
    "................",
    "................",
    "................",
    "..#..##....#....",
    "................",
    ".##..........##.",
]


def test_rows_of_ground_are_filled_from_end_to_end_and_widened_upward():
    mask = torch.tensor([[float(letter == "#") for letter in row] for row in ROWS])
    expected = np.zeros(mask.shape)
    for y, row in enumerate(ROWS):
        if "#" in row:
            left, right = row.index("#"), row.rindex("#")
            expected[max(0, y - UPWARD) : y + 1, max(0, left - SIDEWAYS) : right + 1 + SIDEWAYS] = 1
    np.testing.assert_array_equal(filled_ground(mask[None, None])[0, 0].numpy(), expected)


def test_dilation_in_place_and_erosion_from_both_sides_fill_the_rows():
    """The published steps of VDE: a pass over the image grows the mask from itself, then rows shrink to their ends."""
    for seed in range(20):
        mask = np.random.default_rng(seed).random((8, 12)) < 0.1
        grown = mask.copy()
        for y in range(8):
            for x in range(12):  # updates in place: what was set a moment ago grows on
                if grown[y, x] and x + 1 < 12:
                    grown[y, x + 1] = True
        for y in range(8):
            real = np.flatnonzero(mask[y])
            grown[y, real[-1] + 1 if real.size else 0 :] = False
            grown[y, : real[0] if real.size else 12] = False
        filled = fill_rows(torch.tensor(mask)[None, None].float())[0, 0].numpy() > 0
        np.testing.assert_array_equal(filled, grown)


def street_with_a_hole():
    labels = torch.zeros(64, 64, dtype=torch.long)
    labels[:24], labels[48:56, 24:40] = 10, 5  # sky above; something on the road that is called a pole
    logits = 9 * torch.nn.functional.one_hot(labels, CLASSES).permute(2, 0, 1)[None].float()
    return NetOutput(logits, torch.zeros(1, 64, 32, 32), torch.zeros(1, DETAIL, 64, 64))


def test_a_hole_in_the_road_keeps_its_score_and_the_sky_loses_it(score):
    street = street_with_a_hole()
    lowered = score("energy", net=street) - score("energy+ground_rows", net=street)
    np.testing.assert_allclose(lowered[24:], 0, atol=1e-5)
    np.testing.assert_allclose(lowered[: 24 - 2 * UPWARD - 2], SUPPRESSION, atol=1e-5)


def test_vde_takes_road_that_the_max_logit_is_sure_of(score):
    street = street_with_a_hole()
    street.logits[:, :, 60:] *= 0.1  # still road, but far below the usual logit
    usual = moments(torch.full((CLASSES,), 9.0), torch.ones(CLASSES))
    lowered = score("sml", usual, street) - score("sml+vde", usual, street)
    np.testing.assert_allclose(lowered[24:60], 0, atol=1e-5)
    np.testing.assert_allclose(lowered[60:], SUPPRESSION, atol=1e-5)
    np.testing.assert_allclose(lowered[:24], SUPPRESSION, atol=1e-5)


def test_what_lies_off_the_road_rows_falls_by_ten_logits():
    assert SUPPRESSION == 10.0, "less than a logit spans leaves confident false alarms in the sky"


@pytest.mark.parametrize("classes", [(0, 10), (1, 8)], ids=["road and sky", "pavement and building"])
def test_road_context_is_the_logarithm_of_the_share_of_ground_in_a_window_of_13_by_17(score, classes):
    """At 1/8 resolution, 6 px to either side and 8 px up and down, as the design of the head states."""
    ground = np.zeros((40, 30))
    ground[22:, :17] = 1
    labels = torch.tensor(np.kron(np.where(ground, *classes), np.ones((2, 2)))).long()
    logits = 40 * torch.nn.functional.one_hot(labels, CLASSES).permute(2, 0, 1)[None].float()
    features = NetOutput(logits, torch.zeros(1, 64, 40, 30), torch.zeros(1, DETAIL, 80, 60))
    added = score("max_logit+ground", net=features) - score("max_logit", net=features)
    expected = np.empty(ground.shape)
    for y, x in np.ndindex(*ground.shape):
        expected[y, x] = np.log(ground[max(0, y - 8) : y + 9, max(0, x - 6) : x + 7].mean() + 0.1)
    # The means of the two middle pixels of an enlargement by two are those of its source, smoothed.
    halved = added.reshape(40, 2, 30, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(halved[1:-1, 1:-1], _smoothed(expected)[1:-1, 1:-1], atol=2e-3)


def _smoothed(values):
    """Enlarge by two as the graph does (half-pixel centers) and average again: weights 1/8, 3/4, 1/8 each way."""
    kernel = np.array([1, 6, 1]) / 8
    return convolve(convolve(values, kernel[None]), kernel[:, None])
