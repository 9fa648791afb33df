"""What /diagnostics says, for every state that the node can be in."""

from __future__ import annotations

import platform
from dataclasses import replace

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from support.detector_bench import header, image_message, stamp_of, values_of
from support.odd_models import build_failing_package

from fishy_ros.node.counters import FrameCounters, FrameTotals
from fishy_ros.node.diagnostics import Observation, Rates, assess, diagnostics_message
from fishy_ros.node.parameters import DetectorParameters

NOW = 100.0
HEALTHY = Observation(
    at=NOW,
    state="active",
    active_since=50.0,
    totals=FrameTotals(received=20, published=18, overtaken=2, last_image_at=NOW - 0.1),
    busy_s=0.05,
    engine={"model": "tiny", "device": "cpu"},
)
BEFORE = replace(HEALTHY, at=NOW - 1.0, totals=FrameTotals(received=10, published=9, overtaken=1))


def verdict(now: Observation, **parameters) -> tuple[bytes, str]:
    return assess(now, Rates.between(BEFORE, now), DetectorParameters(**parameters))


def with_totals(**changes) -> Observation:
    return replace(HEALTHY, totals=replace(HEALTHY.totals, **changes))


def test_a_healthy_node_is_ok():
    assert verdict(HEALTHY) == (DiagnosticStatus.OK, "ok")


@pytest.mark.parametrize(
    ("observation", "level", "reason"),
    [
        (with_totals(last_image_at=NOW - 1.5), DiagnosticStatus.WARN, "no image for 1.5 s"),
        (with_totals(bad=1, last_bad="step 7"), DiagnosticStatus.WARN, "1 bad images, last: step 7"),
        (with_totals(unstamped=3), DiagnosticStatus.WARN, "camera stamps are zero on 3 images: ages and stale"),
        (with_totals(overtaken=7), DiagnosticStatus.WARN, "6 of 10 images dropped"),
        (with_totals(lost=30), DiagnosticStatus.WARN, "images dropped"),
        (with_totals(failed=1, last_error="out of memory"), DiagnosticStatus.ERROR, "out of memory"),
        (with_totals(is_failing=True, last_error="hot"), DiagnosticStatus.ERROR, "hot"),
        (replace(HEALTHY, busy_s=1.2), DiagnosticStatus.ERROR, "in work for 1.2 s"),
        (replace(HEALTHY, failures=("configure failed",)), DiagnosticStatus.ERROR, "configure failed"),
        (replace(HEALTHY, warnings=("CUDA did not start",)), DiagnosticStatus.WARN, "CUDA did not start"),
        (replace(HEALTHY, state="inactive", active_since=None), DiagnosticStatus.OK, "inactive"),
    ],
)
def test_each_trouble_has_its_level_and_its_reason(observation, level, reason):
    found, message = verdict(observation)
    assert found == level
    assert reason in message


def test_several_troubles_are_all_named_and_the_worst_decides():
    observation = replace(with_totals(bad=1, failed=1, last_error="boom"), warnings=("fallback",))
    level, message = verdict(observation)
    assert level == DiagnosticStatus.ERROR
    assert all(reason in message for reason in ("boom", "fallback", "bad images"))


def test_limits_are_parameters():
    assert verdict(with_totals(overtaken=7), max_drop_share=0.7)[0] == DiagnosticStatus.OK
    assert verdict(with_totals(last_image_at=NOW - 1.5), no_image_timeout_s=2.0)[0] == DiagnosticStatus.OK
    assert verdict(replace(HEALTHY, busy_s=1.2), inference_deadline_s=2.0)[0] == DiagnosticStatus.OK


def test_rates_survive_a_restart_of_the_counts():
    restarted = replace(HEALTHY, totals=FrameTotals(run=2, received=30, published=2, bad=1), at=NOW + 1.0)
    rates = Rates.between(HEALTHY, restarted)
    assert (rates.received, rates.published, rates.bad) == (30, 2, 1)
    assert rates.per_second(rates.received) == 30.0


def test_the_message_holds_rates_counts_and_percentiles():
    now = replace(HEALTHY, latencies_ms={"total": (1.0, 2.0, 3.0)})
    message = diagnostics_message("/detector", Time(sec=7), now, Rates.between(BEFORE, now), DetectorParameters())
    assert message.header.stamp.sec == 7
    (status,) = message.status
    values = values_of(status)
    assert status.name == "/detector: detector"
    assert status.hardware_id == platform.node()
    assert (values["input_rate_hz"], values["output_rate_hz"]) == ("10.00", "9.00")
    assert (values["frames_dropped"], values["last_error"]) == ("2", "none")
    assert [values[f"total_ms_p{p}"] for p in (50, 95, 99)] == ["1.000", "2.000", "3.000"]


def test_the_counters_account_for_every_frame():
    counters = FrameCounters()
    for _ in range(6):
        counters.note_received()
    counters.note_published()
    counters.note_overtaken()
    counters.note_bad("torn")
    counters.note_failed("hot")
    assert counters.totals().is_failing
    counters.note_published()
    counters.note_lost(2)
    totals = counters.totals()
    assert not totals.is_failing
    assert totals.published + totals.overtaken + totals.bad + totals.failed == totals.received - 1
    assert totals.dropped == 5
    assert (totals.last_bad, totals.last_error) == ("torn", "hot")


def test_a_failing_inference_is_an_error_until_one_succeeds(start_detector, street, tmp_path):
    bench = start_detector(model=build_failing_package(tmp_path / "failing").folder)
    bench.subscribe("heatmap")
    bench.wait_until_connected()
    bright, dark = image_message(street * 0 + 250, header(0)), image_message(street * 0 + 60, header(1))
    bench.image.publish(bright)
    failing = bench.wait_for_diagnostics(lambda s: s.level == DiagnosticStatus.ERROR, "the failure")
    assert "inference failed on 1 frames" in failing.message
    assert "expected numbers in [0, 1]" in values_of(failing)["last_error"]
    bench.spin_for(2.0)
    assert bench.diagnostics[-1].level == DiagnosticStatus.ERROR
    bench.image.publish(dark)
    bench.spin_until(lambda: bench.received["heatmap"], "the good heatmap")
    assert [stamp_of(message) for message in bench.received["heatmap"]] == [stamp_of(dark)]
    recovered = bench.wait_for_diagnostics(lambda s: s.level != DiagnosticStatus.ERROR, "the recovery")
    assert values_of(recovered)["frames_failed"] == "1"


def test_a_subscriber_that_asks_for_too_much_is_named_with_the_policy(start_detector):
    bench = start_detector()
    bench.wait_until_connected()
    keeping = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    asking = bench.node.create_subscription(Image, "/detector/heatmap", lambda message: None, keeping)
    status = bench.wait_for_diagnostics(lambda s: "incompatible durability" in s.message, "the mismatch")
    assert status.level == DiagnosticStatus.WARN
    assert "1 subscribers of ~/heatmap" in status.message
    bench.node.destroy_subscription(asking)
    bench.wait_for_diagnostics(lambda s: "incompatible" not in s.message, "its end")


def test_an_unreadable_calibration_is_named_until_good_ones_have_come_for_a_while(start_detector):
    bench = start_detector()
    bench.wait_until_connected()
    bench.camera_info.publish(b"torn")
    bench.wait_for_diagnostics(lambda s: "a camera_info cannot be read" in s.message, "the unreadable one")

    def is_forgotten() -> bool:
        bench.camera_info.publish(CameraInfo())
        return "camera_info" not in bench.diagnostics[-1].message

    bench.spin_until(is_forgotten, "good ones to end it", 10.0)


def test_without_a_clock_simulated_time_marks_ages_invalid_and_diagnostics_go_on(start_detector, street):
    bench = start_detector(use_sim_time=True)
    bench.subscribe("heatmap", "latency")
    bench.wait_until_connected()
    bench.image.publish(image_message(street, header(0)))
    bench.spin_until(lambda: bench.received["heatmap"] and bench.received["latency"], "heatmap and latency")
    assert "in the future" in bench.received["latency"][0].status[0].message
    bench.wait_for_diagnostics(lambda s: values_of(s)["frames_published"] == "1", "the frame")
