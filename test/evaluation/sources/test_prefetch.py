"""Reading ahead changes when items are read, not which, nor where an error surfaces."""

import threading

import pytest

from fishy_ros.evaluation.sources.prefetch import Prefetch


def test_items_come_in_order():
    assert list(Prefetch(range(100), depth=3)) == list(range(100))


def test_no_more_than_the_depth_is_read_ahead():
    read = []

    def items():
        for number in range(10):
            read.append(number)
            yield number

    iterator = iter(Prefetch(items(), depth=2))
    assert next(iterator) == 0
    threading.Event().wait(0.2)
    assert len(read) <= 4
    iterator.close()


def test_an_error_is_raised_after_the_items_before_it():
    def items():
        yield 1
        raise OSError("the disk is gone")

    iterator = iter(Prefetch(items(), depth=8))
    assert next(iterator) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(iterator)


def test_the_reading_thread_ends_when_the_iteration_is_abandoned():
    before = threading.active_count()
    iterator = iter(Prefetch(iter(int, 1), depth=1))
    next(iterator)
    iterator.close()
    assert threading.active_count() == before


def test_an_iteration_may_be_ended_by_the_reading_thread():
    abandoned, ended = [], threading.Event()

    def items():
        yield 1
        yield 2
        threading.Event().wait(0.1)
        abandoned.pop().close()
        ended.set()
        yield 3

    iterator = iter(Prefetch(items(), depth=1))
    abandoned.append(iterator)
    assert next(iterator) == 1
    assert next(iterator) == 2
    assert ended.wait(5.0), "closing it failed in the reading thread"
