"""Streaming accuracy against a direct loop, and temporal consistency on a rendered street."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from fishy_ros.datasets.synthetic import FRAME_RATE, SyntheticStreet
from fishy_ros.evaluation.scoring.consistency import ConsistencyScorer
from fishy_ros.evaluation.scoring.streaming import StreamingScorer, newest_by_then
from fishy_ros.obstacles import Camera, Intrinsics


@given(
    st.lists(
        st.tuples(st.floats(0.001, 1.0), st.one_of(st.floats(0.0, 3.0), st.just(float("nan")))), min_size=1, max_size=12
    )
)
def test_the_newest_heatmap_is_that_of_a_direct_loop(frames):
    taken = np.cumsum([step for step, _ in frames])
    arrived = taken + np.array([delay for _, delay in frames])
    expected = [
        max((j for j in range(len(taken)) if arrived[j] <= now), default=-1)  # a comparison with NaN is false
        for now in taken
    ]
    assert newest_by_then(taken, arrived).tolist() == expected


def test_streaming_ap_scores_the_heatmap_that_was_there():
    rng = np.random.default_rng(0)
    labels = [(rng.random((12, 16)) < 0.2).astype(np.uint8) for _ in range(8)]
    scores = [(label * 0.4 + rng.random(label.shape) * 0.6).astype(np.float32) for label in labels]
    taken = np.arange(8) * 0.1
    arrived = taken + 0.15  # two frames late
    arrived[4] = np.nan
    scorer = StreamingScorer(taken.tolist(), arrived.tolist(), scores.__getitem__)
    for index, label in enumerate(labels):
        scorer.add(index, label, str(index))
    result = scorer.compute()
    used = {2: 0, 3: 1, 4: 2, 5: 3, 6: 3, 7: 5}
    truth = np.concatenate([labels[now].ravel() for now in used])
    values = np.concatenate([scores[old].ravel() for old in used.values()])
    assert result.ap == pytest.approx(average_precision_score(truth, values))
    own = [index for index in used if index != 4]
    assert result.plain_ap == pytest.approx(
        average_precision_score(
            np.concatenate([labels[index].ravel() for index in own]),
            np.concatenate([scores[index].ravel() for index in own]),
        )
    )
    assert (result.frames, result.without) == (6, 2)
    assert result.mean_age_ms == pytest.approx(np.mean([(now - old) * 100 for now, old in used.items()]))
    assert result.ap < result.plain_ap


def test_a_heatmap_that_sticks_to_the_street_is_consistent_and_one_that_flickers_is_not():
    street = SyntheticStreet(frames=4, height=256, width=512, seed=2)
    k = street.intrinsics
    camera = Camera(Intrinsics(k[0, 0], k[1, 1], k[0, 2], k[1, 2]), 512, 256)
    steady, flickering = ConsistencyScorer(camera, 0.5), ConsistencyScorer(camera, 0.5)
    rng = np.random.default_rng(1)
    for index in range(4):
        truth = street.truth(index)
        # A pattern that is painted on the ground: waves across the street do not change as the car drives.
        columns = np.arange(512)[None] - k[0, 2]
        across = np.nan_to_num(columns * truth.depth / k[0, 0])
        pattern = (0.5 + 0.5 * np.sin(across)).astype(np.float32)
        steady.add(pattern, truth.depth, street.speed / FRAME_RATE)
        flickering.add(rng.random(pattern.shape, np.float32), truth.depth, street.speed / FRAME_RATE)
    assert steady.compute().pixels > 50_000
    assert steady.compute().mean_change < 0.01
    assert steady.compute().flip_share < 0.01
    assert flickering.compute().mean_change > 0.25
    # Without the motion the same pattern would change.
    still = ConsistencyScorer(camera, 0.5)
    for index in range(2):
        truth = street.truth(index)
        along = np.nan_to_num(truth.depth + index * street.speed / FRAME_RATE)
        still.add((0.5 + 0.5 * np.sin(along)).astype(np.float32), truth.depth, 0.0)
    assert still.compute().mean_change > 0.05
