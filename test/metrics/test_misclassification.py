import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_curve

from fishy_ros.errors import ScoreError
from fishy_ros.metrics.misclassification import MisclassificationAccumulator


@pytest.mark.parametrize("levels", [4, 10**6])
def test_metrics_equal_scikit_learn(levels):
    rng = np.random.default_rng(0)
    truth = rng.choice(np.uint8([0, 1, 18, 255]), (3, 40, 50))
    predicted = np.where(rng.random(truth.shape) < 0.7, truth, np.uint8(5))
    score = rng.integers(0, levels, truth.shape) / levels + 0.3 * (predicted != truth)
    score = score.astype(np.float32)
    accumulator = MisclassificationAccumulator()
    for index in range(3):
        accumulator.update(score[index], predicted[index], truth[index], str(index))
    metrics = accumulator.compute()
    counted = truth != 255
    wrong = (predicted != truth)[counted]
    fpr, tpr, thresholds = roc_curve(wrong, score[counted], drop_intermediate=False)

    assert metrics.ap == pytest.approx(average_precision_score(wrong, score[counted]))
    assert metrics.max_j == pytest.approx(np.max(tpr - fpr))
    assert metrics.max_j_threshold == thresholds[np.argmax(tpr - fpr)]
    assert (metrics.wrong, metrics.right) == (wrong.sum(), (~wrong).sum())


def test_an_inverted_score_has_no_j():
    accumulator = MisclassificationAccumulator()
    accumulator.update(np.float32([[0, 1]]), np.uint8([[1, 0]]), np.uint8([[0, 0]]), "frame")

    assert accumulator.compute().max_j == 0


def test_a_perfect_segmentation_has_nothing_to_find():
    accumulator = MisclassificationAccumulator()
    accumulator.update(np.float32([[0, 1]]), np.uint8([[0, 0]]), np.uint8([[0, 0]]), "frame")

    with pytest.raises(ScoreError, match="0 positive"):
        accumulator.compute()
