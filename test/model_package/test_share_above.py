"""The share of normal pixels above a threshold, from the pairs that a package holds."""

import math

import pytest

from fishy_ros.model_package import Calibration

PAIRS = ((0.25, 0.1), (0.5, 0.01), (0.75, 0.001))


def test_the_share_is_that_of_the_pairs_and_falls_evenly_in_its_logarithm_between_them():
    calibration = Calibration("", 0.5, PAIRS)
    assert [calibration.share_above(threshold) for threshold, _ in PAIRS] == pytest.approx(
        [share for _, share in PAIRS]
    )
    assert calibration.share_above(0.375) == pytest.approx(math.sqrt(0.1 * 0.01))
    assert calibration.share_above(0.0) == 1.0


def test_beyond_the_last_pair_the_share_is_its_upper_bound_and_without_pairs_unknown():
    assert Calibration("", 0.5, PAIRS).share_above(0.9) == 0.001
    assert Calibration("", 0.5).share_above(0.5) is None
