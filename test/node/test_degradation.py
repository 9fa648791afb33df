"""When a cheaper configuration takes over, when the better one comes back, and that they do not alternate."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from fishy_ros.node.fallback import MAX_PATIENCE, DeadlineRules, Degradation

RULES = DeadlineRules(deadline_ms=100.0, max_missed=3, recovery_s=10.0)
FAST, SLOW = 50.0, 150.0


def play(degradation: Degradation, took_ms: float, start_s: float, seconds: float, rate_hz: float = 10.0) -> list[int]:
    """Note frames of one duration; returns the level after each."""
    levels = []
    for index in range(round(seconds * rate_hz)):
        degradation.note_frame(took_ms, start_s + index / rate_hz, RULES)
        levels.append(degradation.level)
    return levels


def test_deadlines_missed_in_a_row_lead_to_the_next_cheaper_configuration_and_others_do_not():
    degradation = Degradation(3)
    for now_s, took_ms in enumerate((SLOW, SLOW, FAST, SLOW, SLOW, FAST)):
        assert not degradation.note_frame(took_ms, now_s, RULES)
    assert [degradation.note_frame(SLOW, 10.0 + n, RULES) for n in range(3)] == [False, False, True]
    assert (degradation.level, degradation.missed, degradation.degraded_since) == (1, 7, 12.0)
    assert play(degradation, SLOW, 13.0, 0.3) == [1, 1, 2]
    assert play(degradation, SLOW, 14.0, 5.0)[-1] == 2, "there is none below the lowest"
    assert degradation.degraded_since == 12.0


def test_without_a_deadline_or_without_a_cheaper_configuration_nothing_changes():
    alone = Degradation(1)
    assert set(play(alone, SLOW, 0.0, 30.0)) == {0}
    assert alone.missed == 300
    free = Degradation(2)
    assert not any(free.note_frame(1e6, now_s, DeadlineRules(0.0, 1, 1.0)) for now_s in range(10))
    assert (free.level, free.missed) == (0, 0)


def test_the_better_configuration_comes_back_after_a_time_without_missed_deadlines():
    degradation = Degradation(2)
    play(degradation, SLOW, 0.0, 0.3)
    assert degradation.level == 1
    assert set(play(degradation, FAST, 0.3, 5.0)) == {1}
    degradation.note_frame(SLOW, 5.3, RULES)
    assert set(play(degradation, FAST, 5.4, 9.8)) == {1}, "a missed deadline starts the wait anew"
    assert play(degradation, FAST, 15.2, 0.5)[-1] == 0
    assert degradation.degraded_since is None


def test_a_return_that_does_not_last_doubles_the_wait_and_one_that_lasts_ends_that():
    degradation = Degradation(2)
    now_s, waits = 0.0, []
    for _ in range(7):
        play(degradation, SLOW, now_s, 0.3)
        assert degradation.level == 1
        start_s = now_s = now_s + 0.3
        while degradation.level == 1:
            degradation.note_frame(FAST, now_s, RULES)
            now_s += 0.1
        waits.append(round((now_s - start_s) / RULES.recovery_s))
    assert waits == [1, 2, 4, 8, 16, 16, 16]
    play(degradation, FAST, now_s, 170.0)
    assert degradation.wait_s(RULES) == RULES.recovery_s
    play(degradation, SLOW, now_s + 170.0, 0.3)
    assert degradation.wait_s(RULES) == RULES.recovery_s


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([FAST, SLOW]), max_size=600), st.integers(1, 5))
def test_changes_are_rare_whatever_frames_take(durations, levels):
    degradation = Degradation(levels)
    rules = DeadlineRules(100.0, 3, 1.0)
    changes = sum(degradation.note_frame(took_ms, index * 0.1, rules) for index, took_ms in enumerate(durations))
    seconds = len(durations) * 0.1
    assert changes <= 2 * (levels - 1) * (1 + seconds / rules.recovery_s)


@given(st.floats(100.0, 2000.0))
@settings(max_examples=20, deadline=None)
def test_where_the_machine_is_too_slow_for_good_the_better_configuration_is_tried_ever_more_rarely(seconds):
    degradation, missed = Degradation(2), 0
    for index in range(round(seconds * 10)):
        took_ms = SLOW if degradation.level == 0 else FAST
        missed += took_ms == SLOW
        degradation.note_frame(took_ms, index / 10, RULES)
    trials = 1 + math.log2(MAX_PATIENCE) + seconds / (MAX_PATIENCE * RULES.recovery_s)
    assert missed <= RULES.max_missed * (trials + 1)
