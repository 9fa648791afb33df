import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fishy_ros.evaluation.bench.metrics import FrameSet, benchmark_table, metrics_by_sorting, run, synthetic_frames

SMALL = FrameSet(frames=3, height=96, width=192)


def test_the_reference_itself_equals_scikit_learn():
    score, labels = next(synthetic_frames(SMALL))
    counted = labels != 255

    ap, _, auroc = metrics_by_sorting(score[counted], labels[counted] == 1)

    assert ap == pytest.approx(average_precision_score(labels[counted], score[counted]))
    assert auroc == pytest.approx(roc_auc_score(labels[counted], score[counted]))


def test_frames_repeat_and_differ():
    first, second = list(synthetic_frames(SMALL)), list(synthetic_frames(SMALL))

    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0][0], first[1][0])


def test_both_ways_agree_and_the_table_says_so():
    benchmark = run(SMALL)

    assert benchmark.largest_difference < 1e-9
    assert benchmark.streaming.seconds > 0
    assert benchmark.sorting.peak_mb > 20
    assert "times faster" in benchmark_table(benchmark)
