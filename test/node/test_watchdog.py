"""A runtime that hangs: visible at once, restarted, and given up when it hangs again and again."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State
from support.detector_bench import LIMIT_S, STRAGGLERS_S, header, image_message, stamp_of, values_of
from support.odd_models import build_hanging_package, build_slow_package, rounds_that_take

from fishy_ros.node.compat import IS_HUMBLE
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.supervisor import Action, Watchdog

BRIGHT = np.full((16, 16, 3), 250, np.uint8)
DARK = np.full((16, 16, 3), 60, np.uint8)


def test_restarts_in_a_row_are_limited_and_a_frame_that_gets_through_ends_the_row():
    watchdog, rules = Watchdog(), DetectorParameters(hang_timeout_s=1.0, inference_deadline_s=0.5, max_restarts=2)
    assert watchdog.check(0.0, 0.5, 0, rules) is Action.NOTHING
    assert [watchdog.check(0.2, 2.0, 0, rules) for _ in range(3)] == [Action.RESTART, Action.RESTART, Action.GIVE_UP]
    assert watchdog.check(0.4, 2.0, 1, rules) is Action.RESTART
    assert watchdog.restarts == 1


def test_time_in_which_the_whole_process_stood_still_is_not_held_against_the_runtime():
    watchdog, rules = Watchdog(), DetectorParameters(hang_timeout_s=1.5, inference_deadline_s=0.5, max_restarts=2)
    asked = [(0.0, 0.1), (9.0, 9.1), (9.2, 9.3), (10.0, 10.1), (10.3, 10.4), (10.5, 10.6)]
    actions = [watchdog.check(now, busy_s, 0, rules) for now, busy_s in asked]
    assert actions == [Action.NOTHING] * 5 + [Action.RESTART], "of 10.6 s, 9 are no fault of the runtime"
    assert watchdog.check(20.0, 0.4, 0, rules) is Action.NOTHING, "a frame that began during a standstill"
    assert watchdog.check(20.8, 1.2, 0, rules) is Action.NOTHING
    assert watchdog.check(21.6, 2.0, 0, rules) is Action.RESTART, "and is excused for no more than its own time"


def test_a_hanging_runtime_is_reported_restarted_and_the_next_frame_published(start_detector, tmp_path):
    bench = start_detector(
        model=build_hanging_package(tmp_path / "hanging").folder, inference_deadline_s=0.5, hang_timeout_s=3.0
    )
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    good = [image_message(DARK, header(index)) for index in range(2)]
    bench.image.publish(good[0])
    bench.spin_until(lambda: bench.received["heatmap"], "the first heatmap")
    bench.image.publish(image_message(BRIGHT, header(5)))
    late = bench.wait_for_diagnostics(lambda s: "has been in work" in s.message, "the late frame")
    assert late.level == DiagnosticStatus.ERROR
    assert values_of(late)["frames_failed"] == "0", "it is said before the runtime is restarted"
    hung = bench.wait_for_diagnostics(lambda s: values_of(s)["frames_failed"] == "1", "the restart")
    assert "no answer from the runtime" in values_of(hung)["last_error"]
    bench.wait_until_connected()
    bench.image.publish(good[1])
    bench.spin_until(lambda: len(bench.received["heatmap"]) == 2, "the heatmap after the restart")
    assert [stamp_of(message) for message in bench.received["heatmap"]] == [stamp_of(message) for message in good]
    assert bench.close() == 0, bench.log()


def test_a_runtime_that_hangs_again_is_given_up_and_the_node_can_be_configured_anew(start_detector, tmp_path):
    bench = start_detector(
        model=build_hanging_package(tmp_path / "hanging").folder,
        inference_deadline_s=0.5,
        hang_timeout_s=2.0,
        max_restarts=0,
    )
    bench.wait_until_connected()
    bench.image.publish(image_message(BRIGHT, header(0)))
    status = bench.wait_for_diagnostics(lambda s: values_of(s)["state"] == "unconfigured", "the end")
    assert status.level == DiagnosticStatus.ERROR
    assert "the runtime hangs" in status.message
    assert bench.state() == State.PRIMARY_STATE_UNCONFIGURED
    bench.activate()
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    bench.image.publish(image_message(DARK, header(1)))
    bench.spin_until(lambda: bench.received["heatmap"], "a heatmap")
    assert bench.close() == 0, bench.log()


def test_a_frame_that_is_late_is_an_error_and_then_published_under_its_own_stamp(start_detector, tmp_path):
    bench = start_detector(
        model=build_slow_package(tmp_path / "slow", 1_500_000, variant=False).folder,
        inference_deadline_s=0.1,
        hang_timeout_s=30.0,
    )
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    late = image_message(BRIGHT, header(7))
    bench.image.publish(late)
    status = bench.wait_for_diagnostics(lambda s: "has been in work" in s.message, "the late frame")
    assert status.level == DiagnosticStatus.ERROR
    bench.spin_until(lambda: bench.received["heatmap"], "its heatmap")
    assert [stamp_of(message) for message in bench.received["heatmap"]] == [stamp_of(late)]
    bench.wait_for_diagnostics(lambda s: "has been in work" not in s.message, "the end of the error")


@pytest.mark.long
def test_a_node_that_is_frozen_for_longer_than_a_runtime_may_hang_restarts_nothing(start_detector, tmp_path):
    rounds = rounds_that_take(2.0, tmp_path / "measured")
    bench = start_detector(
        model=build_slow_package(tmp_path / "slow", rounds, variant=False).folder,
        inference_deadline_s=0.1,
        hang_timeout_s=7.0,
        max_restarts=0,
    )
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    image = image_message(BRIGHT, header(7))
    bench.image.publish(image)
    bench.wait_for_diagnostics(lambda s: "has been in work" in s.message, "the frame in work")
    os.kill(bench.process.pid, signal.SIGSTOP)
    time.sleep(8.0)
    os.kill(bench.process.pid, signal.SIGCONT)
    bench.spin_until(lambda: bench.received["heatmap"], "its heatmap")
    assert stamp_of(bench.received["heatmap"][0]) == stamp_of(image)
    assert bench.state() == State.PRIMARY_STATE_ACTIVE


@pytest.mark.skipif(IS_HUMBLE, reason="rclpy of Humble does not tell what the middleware lost")
def test_images_that_arrive_during_a_restart_are_counted(start_detector, tmp_path):
    bench = start_detector(
        model=build_hanging_package(tmp_path / "hanging").folder, inference_deadline_s=0.5, hang_timeout_s=1.0
    )
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    bench.image.publish(image_message(BRIGHT, header(0)))
    bench.wait_for_diagnostics(lambda s: "has been in work" in s.message, "the frame in work")
    sent, deadline = 1, time.monotonic() + LIMIT_S
    while not bench.received["heatmap"]:
        for _ in range(8):  # at once, and more than the queue holds, so that some come while nobody takes them
            bench.image.publish(image_message(DARK, header(sent)))
            sent += 1
        bench.spin_for(0.01)
        assert time.monotonic() < deadline, bench.log()
    bench.spin_for(STRAGGLERS_S)
    bench.image.publish(image_message(DARK, header(sent)))
    sent += 1
    bench.spin_for(STRAGGLERS_S)
    status = bench.wait_for_diagnostics(lambda s: int(values_of(s)["frames_published"]) > 0, "the counts")
    values = values_of(status)
    assert int(values["frames_lost"]) > 0
    assert int(values["frames_received"]) + int(values["frames_lost"]) == sent
