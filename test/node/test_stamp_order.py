"""Which stamps may follow each other, and when a clock that went back is believed."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from fishy_ros.node.stamps import PATIENCE_S, UNSTAMPED_NS, StampOrder, time_in_middleware_ms

SECOND = 1_000_000_000


def publish(order: StampOrder, stamp_ns: int, now_s: float) -> bool:
    """Do as the node does; says whether the frame was let through."""
    if order.refusal(stamp_ns, now_s):
        return False
    order.note_published(stamp_ns)
    return True


def test_a_middleware_that_does_not_say_when_it_received_a_message_costs_no_time():
    assert time_in_middleware_ms({}) == 0.0
    assert time_in_middleware_ms({"received_timestamp": 0}) == 0.0, "Cyclone DDS of Humble and Iron"
    assert 5.0 <= time_in_middleware_ms({"received_timestamp": time.time_ns() - 5_000_000}) < 5000.0


def test_increasing_stamps_pass():
    order = StampOrder()
    assert all(publish(order, stamp, 0.0) for stamp in (1, 2, 2 * SECOND, 3600 * SECOND))
    assert order.restarts == 0


def test_a_repeated_stamp_is_refused_for_good():
    order = StampOrder()
    assert publish(order, 5, 0.0)
    assert not any(publish(order, 5, 0.1 * step) for step in range(100))
    assert "repeats" in order.refusal(5, 20.0)


def test_a_late_frame_is_refused_and_the_stream_goes_on():
    order = StampOrder()
    assert publish(order, 10 * SECOND, 0.0)
    assert "1.000000 s older" in order.refusal(9 * SECOND, 0.1)
    assert publish(order, 11 * SECOND, 0.2)


def test_a_clock_that_went_back_is_believed_after_the_patience():
    order = StampOrder()
    assert publish(order, 1000 * SECOND, 0.0)
    passed = [publish(order, step * SECOND, 0.1 * step) for step in range(1, 11)]
    first = passed.index(True)
    assert 0.1 * first >= PATIENCE_S - 1e-9
    assert 0.1 * first <= PATIENCE_S + 0.11
    assert all(passed[first:])
    assert order.restarts == 1


def test_one_frame_far_in_the_future_costs_no_more_than_the_patience():
    order = StampOrder()
    assert publish(order, SECOND, 0.0)
    assert publish(order, 10_000 * SECOND, 0.1)
    passed = [publish(order, (2 + step) * SECOND, 0.2 + 0.1 * step) for step in range(10)]
    assert passed.index(True) <= 6


def test_a_second_camera_that_runs_behind_does_not_turn_the_clock_back():
    order = StampOrder()
    for step in range(100):
        assert publish(order, (1000 + step) * SECOND, 0.1 * step)
        assert not publish(order, (10 + step) * SECOND, 0.1 * step + 0.05)
    assert order.restarts == 0


def test_a_clock_that_stands_still_behind_is_never_believed():
    order = StampOrder()
    assert publish(order, SECOND, 0.0)
    assert not any(publish(order, 5, 0.1 * step) for step in range(100))


def test_a_stamp_of_zero_always_passes_and_leaves_the_order_of_the_others_alone():
    order = StampOrder()
    assert all(publish(order, UNSTAMPED_NS, 0.1 * step) for step in range(20))
    assert publish(order, 10 * SECOND, 2.0)
    assert publish(order, UNSTAMPED_NS, 2.1)
    assert not publish(order, 9 * SECOND, 2.2), "the order remembers the last stamp that was one"
    assert publish(order, 11 * SECOND, 2.3)
    assert order.restarts == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0.0, 0.3)), max_size=60))
def test_stamps_increase_strictly_except_where_the_order_began_anew(frames):
    order, now, last, restarts = StampOrder(), 0.0, None, 0
    for stamp, pause in frames:
        now += pause
        if publish(order, stamp, now) and stamp != UNSTAMPED_NS:
            assert last is None or stamp > last or order.restarts == restarts + 1
            last, restarts = stamp, order.restarts
