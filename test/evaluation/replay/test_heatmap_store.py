"""Heatmaps come back from the store bit by bit, and a full disk is an error that says so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.full_disk import full_disk

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore

MAPS = st.lists(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.floats(width=32)),
    max_size=5,
)


@given(MAPS)
def test_maps_of_any_size_are_read_back_bit_by_bit(maps):
    with HeatmapStore() as store:
        slots = [store.append(score) for score in maps]
        for slot, score in zip(reversed(slots), reversed(maps), strict=True):
            assert store.read(slot).tobytes() == score.tobytes()


def test_the_heatmap_store_leaves_nothing_behind(tmp_path):
    with HeatmapStore(tmp_path) as store:
        store.append(np.zeros((4, 4), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_no_more_is_named(tmp_path):
    with full_disk(1000), HeatmapStore(tmp_path) as store, pytest.raises(ScoreError, match="16x32 on disk"):
        store.append(np.zeros((16, 32), np.float32))
