"""Following regions: confirmation, gaps, ids and ages, against direct counts and exhaustive assignment."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishy_ros.errors import ConfigError
from fishy_ros.obstacles import (
    Box,
    Camera,
    GroundMotion,
    GroundPlane,
    Intrinsics,
    PersistenceRules,
    Region,
    RegionTracker,
)

SIZE = 20.0


def region(x: float, y: float = 100.0, size: float = SIZE) -> Region:
    """A square region whose first corner is (x, y)."""
    return Region(Box(x, y, x + size, y + size), int(size**2), 0.8, 0.9)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 3))
def test_a_region_is_confirmed_after_n_of_m_frames(seen, hits, more):
    """A region that stands still, seen or not: confirmed as soon as any M frames in a row hold N of it."""
    window = hits + more
    tracker = RegionTracker(PersistenceRules(hits, window, max_gap_s=1e9))
    confirmed_at = None
    last_ids = set()
    for frame, is_seen in enumerate(seen):
        tracks = tracker.update([region(50.0)] if is_seen else [], 0.1 * (frame + 1))
        last_ids |= {track.id for track in tracks}
        if confirmed_at is None and any(track.confirmed for track in tracks):
            confirmed_at = frame
    expected = next(
        (
            frame
            for frame in range(len(seen))
            if seen[frame] and sum(seen[max(0, frame - window + 1) : frame + 1]) >= hits
        ),
        None,
    )
    assert confirmed_at == expected


def test_a_gap_keeps_the_id_and_moves_the_box_on():
    tracker = RegionTracker(PersistenceRules(2, 3, max_gap_s=0.5))
    for frame in range(5):
        (track,) = tracker.update([region(50.0 + 5 * frame)], 0.1 * frame)
    (missing,) = tracker.update([], 0.5)
    assert (missing.id, missing.index, missing.confirmed) == (track.id, None, True)
    assert missing.region.box.left == pytest.approx(75.0)
    (again,) = tracker.update([region(80.0)], 0.6)
    assert (again.id, again.index) == (track.id, 0)
    assert again.age_s == pytest.approx(0.6)


@pytest.mark.parametrize("sizes", [(10.0, 16.0), (16.0, 10.0)])
def test_a_region_that_flickers_neither_explodes_nor_vanishes_while_it_is_missing(sizes):
    tracker = RegionTracker(PersistenceRules(max_gap_s=0.5))
    step_s, frames = 0.01, 40
    for frame in range(frames):  # its size is noise, which looks like growth at every second frame
        tracker.update([region(50.0, size=sizes[frame % 2])], (frame + 1) * step_s)
    for frame in range(frames, 2 * frames - 2):
        (track,) = tracker.update([], (frame + 1) * step_s)
        assert track.index is None
        assert sizes[1] / 2 <= track.region.box.width <= sizes[1] * 2


def test_a_region_missing_for_longer_than_the_gap_ends_and_its_id_is_not_used_again():
    tracker = RegionTracker(PersistenceRules(1, 1, max_gap_s=0.25))
    for frame in range(6):
        (first,) = tracker.update([region(50.0)], 0.1 * frame)
    assert [len(tracker.update([], 0.5 + 0.1 * frame)) for frame in (1, 2, 3)] == [1, 1, 0]
    (second,) = tracker.update([region(50.0)], 2.0)
    assert second.id > first.id
    assert second.age_s == 0.0


def test_what_flashed_up_once_is_not_kept():
    tracker = RegionTracker(PersistenceRules(1, 1, max_gap_s=5.0))
    assert len(tracker.update([region(50.0)], 0.0)) == 1
    assert tracker.update([], 0.1) == ()


@pytest.mark.parametrize("stamp_s", [0.2, 1.1])
def test_a_clock_that_goes_back_or_stands_still_starts_anew(stamp_s):
    tracker = RegionTracker(PersistenceRules(2, 2))
    tracker.update([region(50.0)], 1.0)
    assert tracker.update([region(50.0)], 1.1)[0].confirmed
    assert not tracker.update([region(50.0)], stamp_s)[0].confirmed


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-12, 12), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_regions_are_matched_at_the_least_total_cost(shifts, random):
    """Ids follow the pairing that an exhaustive search finds best."""
    tracker = RegionTracker(PersistenceRules(min_overlap=0.01, slack_px=0.0))
    before = [region(25.0 * index) for index in range(len(shifts))]
    after = [region(25.0 * index + shift) for index, shift in enumerate(shifts)]
    random.shuffle(after)
    first = {track.index: track.id for track in tracker.update(before, 0.0)}
    second = {track.index: track.id for track in tracker.update(after, 0.1) if track.index is not None}
    owner = {identity: index for index, identity in first.items()}

    def cost(order):
        total = 0.0
        for index, other in enumerate(order):
            overlap = before[index].box.overlap(after[other].box)
            total += 1.0 - overlap if overlap >= 0.01 else 1e6
        return total

    best = min(map(cost, permutations(range(len(shifts)))))
    chosen = sum(
        1.0 - before[owner[identity]].box.overlap(after[index].box)
        for index, identity in second.items()
        if identity in owner
    )
    unmatched = len(shifts) - sum(identity in owner for identity in second.values())
    assert chosen + 1e6 * unmatched == pytest.approx(best)


def test_the_motion_of_the_ground_finds_a_region_again_that_overlap_alone_loses():
    camera, ground = Camera(Intrinsics(563.0, 563.0, 511.5, 224.5), 1024, 512), GroundPlane(1.3)

    def seen(z: float) -> Region:
        x, y = 563.0 * 2.0 / z + 512.0, 563.0 * 1.3 / z + 225.0
        size = 563.0 * 0.3 / z
        return Region(Box(x - size / 2, y - size, x + size / 2, y), int(size**2) + 1, 0.8, 0.9)

    blind, guided = RegionTracker(PersistenceRules()), RegionTracker(PersistenceRules(), GroundMotion(camera, ground))
    ids = {"blind": set(), "guided": set()}
    for frame, z in enumerate(np.arange(20.0, 5.0, -2.0)):
        ids["blind"] |= {track.id for track in blind.update([seen(z)], 0.2 * frame)}
        ids["guided"] |= {track.id for track in guided.update([seen(z)], 0.2 * frame, 2.0)}
    assert len(ids["guided"]) == 1
    assert len(ids["blind"]) > 1


def test_rules_that_change_on_the_way_keep_what_is_followed():
    tracker = RegionTracker(PersistenceRules(1, 1))
    (first,) = tracker.update([region(50.0)], 0.0)
    tracker.rules = PersistenceRules(2, 3, max_gap_s=0.6)
    (second,) = tracker.update([region(50.0)], 0.1)
    assert (second.id, second.confirmed) == (first.id, True)
    assert second.age_s == pytest.approx(0.1)


def test_rules_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="1 <= N <= M"):
        PersistenceRules(3, 2)
