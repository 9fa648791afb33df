import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fishy_ros.metrics.keys import keys_to_scores, scores_to_keys

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=True, allow_subnormal=True)


@given(arrays(np.float32, st.integers(1, 50), elements=FLOATS))
def test_keys_sort_as_scores_do(scores):
    keys = scores_to_keys(scores)

    assert np.array_equal(keys[:, None] < keys[None], scores[:, None] < scores[None])


@given(arrays(np.float32, st.integers(1, 50), elements=FLOATS))
def test_scores_come_back_from_their_keys(scores):
    assert np.array_equal(keys_to_scores(scores_to_keys(scores)), scores)


def test_the_caller_keeps_its_scores():
    scores = np.float32([-1, 0, 1])

    scores_to_keys(scores)

    assert scores.tolist() == [-1, 0, 1]
