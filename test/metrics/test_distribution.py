import numpy as np
import pytest

from fishy_ros.metrics.distribution import score_distribution
from fishy_ros.metrics.pixel import PixelAccumulator


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_counts_equal_numpys_histogram(scale):
    rng = np.random.default_rng(0)
    score = (rng.random((200, 300), np.float32) - (0.5 if scale > 1 else 0)) * np.float32(scale)
    labels = rng.choice(np.uint8([0, 1, 255]), score.shape)
    accumulator = PixelAccumulator()
    accumulator.update(score, labels, "frame")

    distribution = score_distribution(accumulator.positives, accumulator.negatives, bins=40)

    counted = score[labels != 255]
    ends = (0, 1) if scale == 1 else (counted.min(), counted.max())
    assert (distribution.edges[0], distribution.edges[-1]) == ends
    for label, counts in ((0, distribution.normal), (1, distribution.anomalous)):
        expected, _ = np.histogram(score[labels == label].astype(np.float64), distribution.edges)
        assert counts.tolist() == expected.tolist()


def test_infinite_scores_fall_into_the_outer_bins():
    accumulator = PixelAccumulator()
    accumulator.update(np.float32([[-np.inf, -5, 5, np.inf]]), np.uint8([[0, 0, 1, 1]]), "frame")

    distribution = score_distribution(accumulator.positives, accumulator.negatives, bins=10)

    assert (distribution.edges[0], distribution.edges[-1]) == (-5, 5)
    assert distribution.normal.tolist() == [2] + [0] * 9
    assert distribution.anomalous.tolist() == [0] * 9 + [2]


def test_one_score_alone_still_has_bins():
    accumulator = PixelAccumulator()
    accumulator.update(np.full((2, 2), 7, np.float32), np.uint8([[0, 0], [1, 1]]), "frame")

    distribution = score_distribution(accumulator.positives, accumulator.negatives, bins=4)

    assert np.all(np.diff(distribution.edges) > 0)
    assert distribution.normal.sum() == distribution.anomalous.sum() == 2
