"""Turns at a shared engine, and engines that are opened once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import CancelledError, FishyError, InferenceError, RuntimeUnavailableError
from fishy_ros.node import engine_pool
from fishy_ros.node.engine_opening import Opener
from fishy_ros.node.engine_pool import EnginePool, EngineTurns, Ticket
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.worker import Worker


def test_a_worker_that_asks_all_the_time_gets_no_more_turns_than_the_others():
    turns, counts, ends = EngineTurns(), {"fast": 0, "slow": 0}, time.monotonic() + 1.0

    def work(name: str, pause_s: float) -> None:
        ticket = Ticket()
        while time.monotonic() < ends:
            time.sleep(pause_s)
            with turns.turn(ticket):
                counts[name] += 1
                time.sleep(0.005)

    threads = [threading.Thread(target=work, args=one) for one in (("fast", 0.0), ("slow", 0.001))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts["slow"] > 20
    assert counts["fast"] <= 1.3 * counts["slow"] + 2


def test_a_turn_that_is_given_up_lets_the_next_one_go_on_and_is_not_given_up_twice():
    turns, hanging, released = EngineTurns(), Ticket(), threading.Event()
    holds = threading.Event()

    def hang() -> None:
        with turns.turn(hanging):
            holds.set()
            released.wait(10.0)

    thread = threading.Thread(target=hang)
    thread.start()
    assert holds.wait(5.0)
    turns.give_up(hanging)
    other = Ticket()
    with turns.turn(other):
        released.set()
        thread.join(5.0)  # whoever comes back late takes nobody's turn
        third = threading.Thread(target=lambda: turns.turn(Ticket()).__enter__(), daemon=True)
        third.start()
        third.join(0.2)
        assert third.is_alive()


def ask_for_turn(turns: EngineTurns, ticket: Ticket) -> tuple[threading.Thread, list[str]]:
    """Start a thread that waits for a turn and ends; what it had to do, or how it failed, is added to the list."""
    notes: list[str] = []

    def work() -> None:
        try:
            with turns.turn(ticket):
                notes.append("went on")
        except Exception as error:
            notes.append(repr(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, notes


def test_a_ticket_that_stops_waiting_lets_its_thread_go_on_while_another_keeps_the_turn():
    turns, waiting = EngineTurns(), Ticket()
    with turns.turn(Ticket()):
        thread, notes = ask_for_turn(turns, waiting)
        thread.join(0.2)
        assert thread.is_alive()
        turns.stop_waiting(waiting)
        thread.join(5.0)
        assert notes == ["went on"]
        late, notes = ask_for_turn(turns, waiting)  # a thread that was on its way to ask
        late.join(5.0)
        assert notes == ["went on"]


def test_a_ticket_that_has_the_turn_keeps_it_when_it_stops_waiting():
    turns, ticket = EngineTurns(), Ticket()
    with turns.turn(ticket):
        turns.stop_waiting(ticket)
        other, _ = ask_for_turn(turns, Ticket())
        other.join(0.2)
        assert other.is_alive()
    other.join(5.0)
    assert not other.is_alive()


def test_a_turn_that_does_not_come_in_time_is_an_error_and_blocks_nobody():
    turns, hanging = EngineTurns(), Ticket()
    with turns.turn(hanging):
        with pytest.raises(RuntimeUnavailableError, match=r"0\.1 s waiting for a turn"), turns.turn(Ticket(), 0.1):
            pass
        turns.give_up(hanging)
        with turns.turn(Ticket(), 5.0):
            pass


def test_a_worker_takes_the_newest_item_when_its_turn_comes():
    turns, handled, ticket = EngineTurns(), [], Ticket()
    worker = Worker[int]("test", handled.append, lambda item, error: None, lambda: turns.turn(ticket))
    blocking = Ticket()
    with turns.turn(blocking):
        worker.start()
        for item in range(5):
            worker.offer(item)
            time.sleep(0.02)
        assert worker.busy_s == 0.0  # waiting for a turn is no work
    deadline = time.monotonic() + 5.0
    while not handled and time.monotonic() < deadline:
        time.sleep(0.01)
    worker.stop()
    assert handled == [4]


@pytest.fixture
def parameters(tiny_package):
    return DetectorParameters(model=str(tiny_package.folder), runtime="onnxruntime", threads=1)


def test_nodes_share_an_engine_and_the_last_one_closes_it(tiny_package, parameters):
    pool = EnginePool()
    first, second = (pool.open(tiny_package, parameters, "fp32") for _ in range(2))
    other = pool.open(tiny_package, replace(parameters, threads=2), "fp32")
    image = np.random.default_rng(0).integers(0, 255, (64, 128, 3), np.uint8)
    assert first._used is second._used
    assert other._used is not first._used
    assert np.array_equal(first.detect(image).score, second.detect(image).score)
    first.close()
    assert second.detect(image).score.shape == second.score_size
    second.close()
    again = pool.open(tiny_package, parameters, "fp32")
    assert again._used is not second._used
    again.close()
    other.close()


def test_an_abandoned_engine_is_replaced_for_every_node(tiny_package, parameters):
    pool = EnginePool()
    first, second = (pool.open(tiny_package, parameters, "fp32") for _ in range(2))
    hanging = first._used
    first.abandon()
    image = np.zeros((64, 128, 3), np.uint8)
    second.detect(image)
    assert second._used is not hanging
    third = pool.open(tiny_package, parameters, "fp32")
    assert third._used is second._used


class HangingDriver:
    """Opening an engine hangs from `hangs.set()` on until `released`; `closed` holds what was closed."""

    def __init__(self, monkeypatch) -> None:
        self.hangs, self.entered, self.released = threading.Event(), threading.Event(), threading.Event()
        self.lives_for_s = 0.0
        """So long it asks whether to stop, as a build does."""
        self.closed: list[AnomalyDetector] = []
        monkeypatch.setattr(engine_pool, "AnomalyDetector", self._open)

    def _open(self, *choice, is_cancelled: Callable[[], bool]) -> AnomalyDetector:
        if self.hangs.is_set():
            self.entered.set()
            ends = time.monotonic() + self.lives_for_s
            while time.monotonic() < ends and not self.released.is_set():
                is_cancelled()
                time.sleep(0.01)
            assert self.lives_for_s or self.released.wait(30.0)
        detector = AnomalyDetector(*choice)
        close = detector.close
        detector.close = lambda: (self.closed.append(detector), close())
        return detector


@pytest.fixture
def driver(monkeypatch):
    driver = HangingDriver(monkeypatch)
    yield driver
    driver.released.set()


def wait_until(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + 10.0
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def at_once(work: Callable[[], object]) -> None:
    """Do something that may not block."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10.0)
    assert not thread.is_alive(), "it is blocked"


def refusal(kind: type[FishyError], pool: EnginePool, package, parameters, opener: Opener) -> str:
    """Open an engine, which may not block, and return the words with which it is refused."""
    words: list[str] = []

    def configure() -> None:
        with pytest.raises(kind) as caught:
            pool.open(package, parameters, "fp32", opener)
        words.append(str(caught.value))

    at_once(configure)
    return words[0]


def test_an_engine_that_hangs_while_it_is_opened_again_blocks_nobody_else(
    tiny_package, parameters, driver, monkeypatch
):
    monkeypatch.setattr(engine_pool, "OPENING_TIMEOUT_S", 0.2)
    pool, image = EnginePool(), np.zeros((64, 128, 3), np.uint8)
    front, rear = (pool.open(tiny_package, parameters, "fp32", Opener(name)) for name in ("/front", "/rear"))
    front = front.abandon()
    driver.hangs.set()
    errors: list[Exception] = []

    def work() -> None:
        try:
            front.detect(image)
        except RuntimeUnavailableError as error:
            errors.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    wait_until(lambda: driver.entered.is_set() and front.opening)
    assert "fp32 of tiny (runtime onnxruntime, device auto) is being opened for /front" in front.opening
    refused = refusal(RuntimeUnavailableError, pool, tiny_package, parameters, Opener("/left"))
    assert "timed out: the engine fp32 of tiny" in refused
    assert "is being opened for /front" in refused
    at_once(rear.close)
    driver.hangs.clear()
    at_once(front.abandon)
    worker.join(10.0)
    assert "given up" in str(errors[0]), "its thread ends"
    assert pool.has_hung
    with pytest.raises(InferenceError, match="too late"):
        front.detect(image)
    again = pool.open(tiny_package, parameters, "fp32", Opener("/left"))
    assert again.detect(image).score.shape == again.score_size
    driver.released.set()
    wait_until(lambda: not pool.has_hung and driver.closed)
    assert [one is again._used for one in driver.closed] == [False], "what comes too late is closed"


def test_an_engine_that_gives_no_sign_of_life_while_it_is_opened_is_an_error_that_names_it_and_its_camera(
    tiny_package, parameters, driver, monkeypatch
):
    monkeypatch.setattr(engine_pool, "OPENING_TIMEOUT_S", 0.5)
    pool = EnginePool()
    driver.hangs.set()
    driver.lives_for_s = 1.5
    pool.open(tiny_package, parameters, "fp32", Opener("/front")).close()  # a build takes its time
    driver.lives_for_s = 0.0
    refused = refusal(RuntimeUnavailableError, pool, tiny_package, parameters, Opener("/front/detector"))
    assert "timed out: the engine fp32 of tiny (runtime onnxruntime, device auto) is being opened for" in refused
    assert "for /front/detector, since 0." in refused
    assert pool.has_hung


def test_a_node_that_ends_waits_for_no_engine(tiny_package, parameters, driver):
    pool = EnginePool()
    driver.hangs.set()
    opener = Opener("/front", driver.entered.is_set)
    assert "the node ends" in refusal(CancelledError, pool, tiny_package, parameters, opener)
    assert pool.has_hung
