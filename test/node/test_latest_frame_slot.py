"""The hand-over between threads: the newest wins, nothing is lost unnoticed, nobody waits for ever."""

from __future__ import annotations

import threading
import time

from fishy_ros.node.worker import LatestFrameSlot, Worker


def wait_for(condition, timeout_s=5.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_the_newest_item_wins_and_each_overtaken_one_is_reported():
    slot = LatestFrameSlot[int]()
    assert [slot.put(item) for item in (1, 2, 3)] == [False, True, True]
    assert slot.take() == 3
    assert slot.take(timeout_s=0.01) is None
    assert slot.put(4) is False


def test_closing_wakes_who_waits_and_ends_the_hand_over():
    slot = LatestFrameSlot[int]()
    taken = []
    thread = threading.Thread(target=lambda: taken.append(slot.take()))
    thread.start()
    slot.close()
    thread.join(5.0)
    assert taken == [None]
    assert slot.put(1) is False
    assert slot.take(timeout_s=0.0) is None


def test_closing_says_whether_something_was_waiting():
    slot = LatestFrameSlot[int]()
    slot.put(1)
    assert slot.close() is True
    assert slot.close() is False
    assert slot.take(timeout_s=0.0) is None


def test_a_worker_handles_the_newest_and_counts_add_up():
    handled, overtaken = [], 0
    gate = threading.Event()

    def handle(item):
        gate.wait(5.0)
        handled.append(item)

    worker = Worker[int]("test", handle, lambda item, error: None)
    worker.start()
    worker.offer(0)
    wait_for(lambda: worker.busy_s > 0.0)
    for item in range(1, 100):
        overtaken += worker.offer(item)
    gate.set()
    wait_for(lambda: len(handled) == 2)
    assert handled == [0, 99]
    assert overtaken == 98
    assert worker.stop()


def test_a_worker_survives_every_exception():
    failures, handled = [], []

    def handle(item):
        if item % 2:
            raise ZeroDivisionError(item)
        handled.append(item)

    worker = Worker[int]("test", handle, lambda item, error: failures.append((item, error)))
    worker.start()
    for item in range(6):
        worker.offer(item)
        wait_for(lambda item=item: len(handled) + len(failures) == item + 1)
    assert handled == [0, 2, 4]
    assert [item for item, _ in failures] == [1, 3, 5]
    assert worker.stop()


def test_a_worker_that_hangs_is_noticed_and_abandoned():
    gate = threading.Event()
    worker = Worker[int]("test", lambda item: gate.wait(30.0), lambda item, error: None)
    worker.start()
    worker.offer(1)
    wait_for(lambda: worker.busy_s > 0.05)
    assert not worker.stop(timeout_s=0.05)
    gate.set()
