import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from fishy_ros.errors import ScoreError
from fishy_ros.metrics.pixel import PixelAccumulator

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=True)
TIED = st.sampled_from([np.float32(value) for value in (-np.inf, -3e38, -1, -1e-40, -0.0, 0.0, 1e-40, 0.5, 7, np.inf)])


@st.composite
def labelled_scores(draw):
    size = draw(st.integers(2, 200))
    scores = draw(arrays(np.float32, size, elements=draw(st.sampled_from([FLOATS, TIED]))))
    labels = draw(arrays(np.uint8, size, elements=st.sampled_from([0, 0, 1, 255])))
    labels[:2] = 0, 1
    return scores, labels


def accumulate(scores, labels, frames=3):
    accumulator = PixelAccumulator()
    for frame in range(frames):
        accumulator.update(scores[None, frame::frames], labels[None, frame::frames], f"frame {frame}")
    return accumulator


def ranks(scores, labels):
    """Ranks keep order and ties, and scikit-learn accepts them where it refuses infinities."""
    counted = labels != 255
    return np.unique(scores[counted], return_inverse=True)[1], labels[counted]


def assert_equals_sklearn(scores, labels):
    metrics = accumulate(scores, labels).compute()
    rank, truth = ranks(scores, labels)
    values = np.unique(scores[labels != 255])

    fpr, tpr, thresholds = roc_curve(truth, rank, drop_intermediate=False)
    first = int(np.argmax(tpr >= 0.95))
    precision, recall, f1_thresholds = precision_recall_curve(truth, rank)
    with np.errstate(invalid="ignore"):
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))

    assert metrics.ap == pytest.approx(average_precision_score(truth, rank), abs=1e-9)
    assert metrics.auroc == pytest.approx(roc_auc_score(truth, rank), abs=1e-9)
    assert metrics.fpr95 == fpr[first]
    assert metrics.fpr95_threshold == values[int(thresholds[first])]
    assert metrics.best_f1 == pytest.approx(f1.max(), abs=1e-9)
    at_best = f1[f1_thresholds.size - 1 - np.argmax(f1[-2::-1] > f1.max() - 1e-12)]
    assert at_best == pytest.approx(metrics.best_f1, abs=1e-9)
    assert (metrics.positives, metrics.negatives) == (np.sum(truth == 1), np.sum(truth == 0))


@settings(max_examples=100, deadline=None)
@given(labelled_scores())
def test_metrics_equal_scikit_learn(case):
    assert_equals_sklearn(*case)


@pytest.mark.parametrize("kind", ["uniform", "eighths", "logits", "wide", "constant"])
def test_many_pixels_equal_scikit_learn(kind):
    rng = np.random.default_rng(1)
    size = 100_000
    scores = {
        "uniform": rng.random(size),
        "eighths": rng.integers(0, 9, size) / 8,
        "logits": rng.normal(0, 10, size),
        "wide": np.clip(np.exp(rng.normal(0, 40, size)), 0, 3e38),
        "constant": np.full(size, 0.25),
    }[kind].astype(np.float32)
    labels = rng.choice(np.uint8([0, 1, 255]), size, p=[0.9, 0.01, 0.09])

    assert_equals_sklearn(scores, labels)


@settings(max_examples=25, deadline=None)
@given(labelled_scores())
def test_points_of_the_curves_lie_on_scikit_learns(case):
    curve = accumulate(*case).compute().curve
    rank, truth = ranks(*case)
    fpr, tpr, _ = roc_curve(truth, rank, drop_intermediate=False)
    points = set(zip(fpr.tolist(), tpr.tolist(), strict=True))

    assert set(zip(curve.fpr.tolist(), curve.recall.tolist(), strict=True)) <= points
    assert curve.recall[-1] == 1
    assert np.all(np.diff(curve.recall) > 0)
    assert np.all(np.diff(curve.thresholds) < 0)


@settings(max_examples=25, deadline=None)
@given(labelled_scores(), st.permutations(range(4)))
def test_split_and_merged_in_any_order_is_bit_identical(case, order):
    scores, labels = case
    whole = accumulate(scores, labels, 1)
    parts = [accumulate(scores[index::4], labels[index::4], 1) for index in range(4)]
    merged = PixelAccumulator()
    for index in order:
        merged.merge(parts[index])

    ours, theirs = merged.compute(), whole.compute()

    assert [ours.ap, ours.auroc, ours.fpr95, ours.best_f1] == [theirs.ap, theirs.auroc, theirs.fpr95, theirs.best_f1]
    assert merged.frames == 4


def test_a_curve_of_many_thresholds_is_thinned_to_steps_of_recall():
    rng = np.random.default_rng(0)
    scores = rng.random((1, 50_000), np.float32)
    curve = accumulate(scores[0], (rng.random(50_000) < 0.5).astype(np.uint8)).compute().curve

    assert 990 <= curve.recall.size <= 1000
    assert np.max(np.diff(curve.recall)) < 0.003


def test_nan_is_an_error_that_names_the_frame():
    score = np.float32([[0.1, np.nan, 0.3]])

    with pytest.raises(ScoreError, match=r"frame 17: 1 evaluated scores are NaN"):
        PixelAccumulator().update(score, np.uint8([[0, 1, 0]]), "frame 17")


def test_nan_on_ignored_pixels_does_no_harm():
    accumulator = PixelAccumulator()
    accumulator.update(np.float32([[0.1, np.nan, 0.3]]), np.uint8([[0, 255, 1]]), "frame")

    assert accumulator.compute().ap == 1


def test_other_sizes_and_types_are_errors_that_name_the_frame():
    with pytest.raises(ScoreError, match=r"x: the score map is \(2, 3\), the labels are \(3, 2\)"):
        PixelAccumulator().update(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.uint8), "x")
    with pytest.raises(ScoreError, match="x: the score map is float64, expected float32"):
        PixelAccumulator().update(np.zeros((2, 2)), np.zeros((2, 2), np.uint8), "x")


@pytest.mark.parametrize("label", [0, 1, 255])
def test_without_both_kinds_of_pixels_there_are_no_metrics(label):
    accumulator = PixelAccumulator()
    accumulator.update(np.zeros((2, 2), np.float32), np.full((2, 2), label, np.uint8), "x")

    with pytest.raises(ScoreError, match="expected at least one each"):
        accumulator.compute()
