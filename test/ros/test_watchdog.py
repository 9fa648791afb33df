"""A runtime that hangs: visible at once, restarted, and given up when it hangs again and again."""

from __future__ import annotations

import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State
from support.detector_bench import header, image_message, stamp_of, values_of
from support.odd_models import build_hanging_package

from fishy_ros.ros.watchdog import Action, Watchdog

BRIGHT = np.full((16, 16, 3), 250, np.uint8)
DARK = np.full((16, 16, 3), 60, np.uint8)


def test_restarts_in_a_row_are_limited_and_a_frame_that_gets_through_ends_the_row():
    watchdog = Watchdog(max_restarts=2)
    assert watchdog.check(0.5, 1.0, 0) is Action.NOTHING
    assert [watchdog.check(2.0, 1.0, 0) for _ in range(3)] == [Action.RESTART, Action.RESTART, Action.GIVE_UP]
    assert watchdog.check(2.0, 1.0, 1) is Action.RESTART
    assert watchdog.restarts == 1


def test_a_hanging_runtime_is_reported_restarted_and_the_next_frame_published(start_detector, tmp_path):
    bench = start_detector(
        model=build_hanging_package(tmp_path / "hanging").folder, inference_deadline_s=0.5, hang_timeout_s=3.0
    )
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    good = [image_message(DARK, header(index)) for index in range(2)]
    bench.image.publish(good[0])
    bench.spin_until(lambda: bench.received["heatmap"], "the first heatmap")
    sent = time.monotonic()
    bench.image.publish(image_message(BRIGHT, header(5)))
    late = bench.wait_for_diagnostics(lambda s: "has been in work" in s.message, "the late frame")
    assert late.level == DiagnosticStatus.ERROR
    assert time.monotonic() - sent < 2.5, "half a second until it is late, and one to say so"
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
        hang_timeout_s=1.0,
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
