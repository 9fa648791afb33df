"""Interleaved measurement: everybody has a turn in every round, and ratios are taken pair by pair."""

import time

import numpy as np
import pytest

from fishy_ros.evaluation.bench.sampling import CPU, TOTAL, Plan, Samples, sample


def test_every_case_has_its_turn_in_every_round_and_the_first_one_changes() -> None:
    calls: list[str] = []

    def method(name: str):
        def run() -> dict[str, float]:
            calls.append(name)
            return {"work": 1.0}

        return run

    turns = []
    found = sample({"a": method("a"), "b": method("b")}, Plan(rounds=3, frames=2, warm_up=1), lambda: turns.append(1))
    assert calls == ["a", "b", *"aaabbb", *"bbbaaa", *"aaabbb"]
    assert len(turns) == 6
    assert found["a"].values("work").shape == (3, 2)


def test_totals_and_processor_time_are_those_of_the_frame() -> None:
    def sleep() -> dict[str, float]:
        time.sleep(0.02)
        return {}

    def work() -> dict[str, float]:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
        return {}

    found = sample({"sleep": sleep, "work": work}, Plan(rounds=2, frames=2, warm_up=0), lambda: None)
    assert found["sleep"].summary(TOTAL).low >= 20
    assert found["sleep"].summary(CPU).median < 15
    assert found["work"].summary(CPU).low >= 20


def test_ratios_cancel_noise_that_hits_a_whole_round() -> None:
    noise = np.array([1.0, 10.0, 3.0])
    slow = Samples([[{TOTAL: 2.0 * factor}] * 4 for factor in noise])
    fast = Samples([[{TOTAL: 1.0 * factor}] * 4 for factor in noise])
    ratio = slow.ratio_to(fast, TOTAL)
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((2.0, 2.0, 2.0))


def test_a_summary_is_over_all_frames_of_all_rounds() -> None:
    values = np.arange(100.0)
    summary = Samples([[{TOTAL: value} for value in part] for part in values.reshape(4, 25)]).summary(TOTAL)
    assert (summary.low, summary.high, summary.frames) == (0, 99, 100)
    assert summary.median == pytest.approx(49.5)
    assert summary.p95 == pytest.approx(94.05)
