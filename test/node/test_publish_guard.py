"""Every frame is published for once, whoever does it."""

from __future__ import annotations

import threading
import time

import pytest

from fishy_ros.node.worker import PublishGuard


def test_the_worker_answers_once_for_each_frame():
    guard = PublishGuard[str]()
    guard.begin("first")
    with guard.publish() as is_ours:
        assert is_ours
    with guard.publish() as is_ours:
        assert not is_ours
    assert guard.give_up() is None


def test_a_frame_that_is_taken_away_cannot_be_answered_by_the_worker_nor_can_later_ones():
    guard = PublishGuard[str]()
    guard.begin("first")
    assert guard.give_up() == "first"
    assert guard.is_given_up
    with guard.publish() as is_ours:
        assert not is_ours
    assert not guard.begin("second")
    with guard.publish() as is_ours:
        assert not is_ours


def test_an_answer_that_fails_leaves_the_frame_to_be_answered_for():
    guard = PublishGuard[str]()
    assert guard.begin("first")
    with pytest.raises(OSError, match="the bus is gone"), guard.publish():
        raise OSError("the bus is gone")
    with guard.publish() as is_ours:
        assert is_ours
    assert guard.give_up() is None


def test_giving_up_waits_for_an_answer_that_is_on_its_way():
    guard, events = PublishGuard[str](), []
    guard.begin("first")
    inside = threading.Event()

    def work() -> None:
        with guard.publish() as is_ours:
            inside.set()
            time.sleep(0.2)
            events.append(("published", is_ours))

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(10.0)
    events.append(("given up", guard.give_up()))
    worker.join()
    assert events == [("published", True), ("given up", None)]
