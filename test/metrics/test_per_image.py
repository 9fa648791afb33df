import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from fishy_ros.metrics.per_image import PerImageAccumulator, image_metrics
from fishy_ros.metrics.pixel import sort_frame


def fpr_by_trying_every_threshold(scores, truth):
    """The recall closest to 0.95, the larger of two equally close, at the lowest threshold that has it."""
    tried = []
    for threshold in np.unique(scores):
        above = scores >= threshold
        recall = np.mean(above[truth == 1])
        tried.append((abs(recall - 0.95), -recall, threshold, np.mean(above[truth == 0])))
    if tried[0][1] == -1.0:  # recall 1 is taken at the highest threshold that reaches it
        complete = [entry for entry in tried if entry[1] == -1.0]
        tried = [max(complete, key=lambda entry: entry[2]), *(entry for entry in tried if entry[1] > -1.0)]
    return min(tried)[3]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 200), st.sampled_from([3, 40, 10**6]))
def test_one_image_equals_independent_references(seed, size, levels):
    rng = np.random.default_rng(seed)
    scores = (rng.integers(0, levels, size) / levels).astype(np.float32)
    truth = (rng.random(size) < 0.4).astype(np.uint8)
    truth[:2] = 0, 1

    metrics = image_metrics(sort_frame(scores[None], truth[None], "frame"))

    assert metrics.aupr == pytest.approx(average_precision_score(truth, scores))
    assert metrics.auroc == pytest.approx(roc_auc_score(truth, scores))
    assert metrics.fpr95 == pytest.approx(fpr_by_trying_every_threshold(scores, truth))


def test_images_without_anomalies_are_skipped_and_counted():
    accumulator = PerImageAccumulator()
    for labels in ([[0, 1, 1]], [[0, 0, 255]], [[1, 0, 0]]):
        accumulator.add(image_metrics(sort_frame(np.float32([[0.1, 0.2, 0.3]]), np.uint8(labels), "frame")))

    metrics = accumulator.compute()

    assert (metrics.images, metrics.skipped) == (2, 1)
    assert metrics.auroc == pytest.approx((1 + 0) / 2)
    assert metrics.aupr == pytest.approx((1 + 1 / 3) / 2)


def test_without_any_anomaly_the_means_are_nan():
    assert math.isnan(PerImageAccumulator().compute().aupr)


def test_merging_adds_images_and_skipped_ones():
    halves = PerImageAccumulator(), PerImageAccumulator()
    for index, labels in enumerate(([[0, 1, 1]], [[0, 0, 255]], [[1, 0, 0]], [[255, 1, 1]])):
        metrics = image_metrics(sort_frame(np.float32([[0.1, 0.2, 0.3]]), np.uint8(labels), "frame"))
        halves[index % 2].add(metrics)

    halves[0].merge(halves[1])

    assert (halves[0].compute().images, halves[0].compute().skipped) == (2, 2)
