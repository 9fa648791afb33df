"""Every frame is answered for once, whoever answers."""

from __future__ import annotations

import threading
import time

import pytest

from fishy_ros.node.frame_claim import FrameClaim


def test_the_worker_answers_once_for_each_frame():
    claim = FrameClaim[str]()
    claim.begin("first")
    with claim.answer() as is_ours:
        assert is_ours
    with claim.answer() as is_ours:
        assert not is_ours
    assert claim.give_up() is None


def test_a_frame_that_is_taken_away_cannot_be_answered_by_the_worker_nor_can_later_ones():
    claim = FrameClaim[str]()
    claim.begin("first")
    assert claim.give_up() == "first"
    assert claim.is_given_up
    with claim.answer() as is_ours:
        assert not is_ours
    assert not claim.begin("second")
    with claim.answer() as is_ours:
        assert not is_ours


def test_an_answer_that_fails_leaves_the_frame_to_be_answered_for():
    claim = FrameClaim[str]()
    assert claim.begin("first")
    with pytest.raises(OSError, match="the bus is gone"), claim.answer():
        raise OSError("the bus is gone")
    with claim.answer() as is_ours:
        assert is_ours
    assert claim.give_up() is None


def test_giving_up_waits_for_an_answer_that_is_on_its_way():
    claim, events = FrameClaim[str](), []
    claim.begin("first")
    inside = threading.Event()

    def work() -> None:
        with claim.answer() as is_ours:
            inside.set()
            time.sleep(0.2)
            events.append(("answered", is_ours))

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(10.0)
    events.append(("given up", claim.give_up()))
    worker.join()
    assert events == [("answered", True), ("given up", None)]
