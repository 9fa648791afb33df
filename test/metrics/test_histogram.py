import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishy_ros.metrics.histogram import PAGE_SIZE, ScoreHistogram


def contents(histogram: ScoreHistogram) -> dict[int, int]:
    found = {}
    for page, total in histogram.page_totals().items():
        cells, counts = histogram.page_cells(page)
        assert counts.sum() == total
        found |= dict(zip((cells + page * PAGE_SIZE).tolist(), counts.tolist(), strict=True))
    return found


def counted(*batches: np.ndarray) -> dict[int, int]:
    keys, counts = np.unique(np.concatenate(batches), return_counts=True)
    return dict(zip(keys.tolist(), counts.tolist(), strict=True))


def filled(*batches: np.ndarray) -> ScoreHistogram:
    histogram = ScoreHistogram()
    for batch in batches:
        histogram.add(np.sort(batch))
    return histogram


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=30), min_size=1, max_size=5))
def test_every_key_is_counted(batches):
    arrays = [np.array(batch, np.uint32) for batch in batches]

    assert contents(filled(*arrays)) == counted(*arrays)


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_crowded_pages_with_large_counts_are_exact(seed):
    rng = np.random.default_rng(seed)
    crowded = rng.integers(5 << 16, 7 << 16, 60_000, np.uint32)
    batches = [crowded, *[np.repeat(crowded[:9000], repeats) for repeats in (1, 100, 200, 300)], crowded[::7]]

    assert contents(filled(*batches)) == counted(*batches)


def test_counters_of_one_page_grow_past_16_and_32_bits():
    keys = np.arange(9 << 16, (9 << 16) + 5000, dtype=np.uint32)
    histogram = filled(*[np.repeat(keys, 40)] * 3)

    for _ in range(18):
        histogram.merge(histogram)

    assert contents(histogram) == dict.fromkeys(keys.tolist(), 120 * 2**18)
    for _ in range(10):
        histogram.merge(histogram)
    assert contents(histogram) == dict.fromkeys(keys.tolist(), 120 * 2**28)


@pytest.mark.parametrize("size", [300, 60_000])
def test_ranks_within_a_page_equal_a_search_in_the_sorted_keys(size):
    rng = np.random.default_rng(2)
    keys = np.sort(rng.integers(0, 20_000, size, np.uint32))
    cells = np.array([0, 1, 17, 9999, 19_999, 65_535])

    below, on = filled(keys).page_ranks(0, cells)

    assert below.tolist() == np.searchsorted(keys, cells, side="left").tolist()
    assert (below + on).tolist() == np.searchsorted(keys, cells, side="right").tolist()


def test_the_first_and_the_last_key_of_the_range_are_counted():
    ends = np.array([0, 0xFFFF, 0x10000, 2**32 - 1], np.uint32)

    assert contents(filled(ends)) == counted(ends)


def test_merging_equals_adding_and_leaves_the_other_alone():
    rng = np.random.default_rng(3)
    parts = [rng.integers(0, 1 << 18, 40_000, np.uint32) for _ in range(4)]
    left, right = filled(*parts[:2]), filled(*parts[2:])
    before = contents(right)

    left.merge(right)

    assert contents(left) == counted(*parts)
    assert left.total == 160_000
    assert contents(right) == before


@pytest.mark.parametrize("values", [50_000, 256])
def test_memory_does_not_grow_with_frames(values):
    rng = np.random.default_rng(0)
    histogram = ScoreHistogram()
    sizes = []
    for _ in range(60):
        histogram.add(np.sort(rng.integers(0x3F000000, 0x3F000000 + values, 100_000, np.uint32)))
        histogram.page_totals()
        sizes.append(histogram.nbytes)

    assert max(sizes[10:]) <= 2 * sizes[10]
    assert sizes[-1] < 4 * values * 8
