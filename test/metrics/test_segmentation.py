import numpy as np
import pytest
from sklearn.metrics import accuracy_score, jaccard_score

from fishy_ros.errors import ScoreError
from fishy_ros.metrics.segmentation import SegmentationAccumulator


def random_frames(seed, classes):
    rng = np.random.default_rng(seed)
    truth = rng.choice(np.uint8([*classes, 255]), (4, 30, 40))
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.choice(np.uint8(classes), truth.shape))
    return np.where(predicted == 255, np.uint8(classes[0]), predicted), truth


@pytest.mark.parametrize("classes", [range(19), [0, 3, 18]])
def test_metrics_equal_scikit_learn(classes):
    predicted, truth = random_frames(0, list(classes))
    accumulator = SegmentationAccumulator()
    for index in range(4):
        accumulator.update(predicted[index], truth[index], str(index))
    metrics = accumulator.compute()
    counted = truth != 255

    assert metrics.miou == pytest.approx(
        jaccard_score(truth[counted], predicted[counted], average="macro", labels=list(classes))
    )
    assert metrics.accuracy == pytest.approx(accuracy_score(truth[counted], predicted[counted]))
    assert metrics.pixels == counted.sum()
    assert np.flatnonzero(~np.isnan(metrics.iou)).tolist() == list(classes)


def test_predictions_that_are_no_class_are_wrong():
    accumulator = SegmentationAccumulator()
    accumulator.update(np.uint8([[0, 255, 200, 0]]), np.uint8([[0, 0, 0, 0]]), "frame")

    assert accumulator.compute().miou == 0.5


def test_merging_equals_one_pass():
    predicted, truth = random_frames(1, list(range(19)))
    whole, left, right = (SegmentationAccumulator() for _ in range(3))
    for index in range(4):
        whole.update(predicted[index], truth[index], str(index))
        (left if index % 2 else right).update(predicted[index], truth[index], str(index))
    left.merge(right)

    assert left.compute() == whole.compute()


def test_other_sizes_and_only_void_are_errors():
    accumulator = SegmentationAccumulator()
    with pytest.raises(ScoreError, match="frame 3"):
        accumulator.update(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), "frame 3")
    accumulator.update(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8), "frame")
    with pytest.raises(ScoreError, match="void"):
        accumulator.compute()
