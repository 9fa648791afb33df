"""Lifecycle transitions of the detector node, those that fail included."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State, Transition
from support.detector_bench import header, image_message, stamp_of, values_of


def test_each_transition_does_its_part(start_detector, street):
    bench = start_detector(autostart=False)
    bench.subscribe("heatmap")
    assert bench.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert not bench.node.get_publishers_info_by_topic("/detector/heatmap")
    assert bench.change_state(Transition.TRANSITION_CONFIGURE)
    assert bench.state() == State.PRIMARY_STATE_INACTIVE
    bench.spin_until(lambda: bench.node.get_publishers_info_by_topic("/detector/heatmap"), "the heatmap's topic")
    assert bench.image.get_subscription_count() == 0
    for round_ in range(2):
        assert bench.change_state(Transition.TRANSITION_ACTIVATE), bench.log()
        bench.wait_until_connected()
        message = image_message(street, header(round_))
        bench.image.publish(message)
        bench.spin_until(lambda round_=round_: len(bench.received["heatmap"]) > round_, "a heatmap")
        assert stamp_of(bench.received["heatmap"][-1]) == stamp_of(message)
        assert bench.change_state(Transition.TRANSITION_DEACTIVATE)
        bench.spin_until(lambda: bench.image.get_subscription_count() == 0, "the node to unsubscribe")
    assert bench.change_state(Transition.TRANSITION_CLEANUP)
    assert bench.state() == State.PRIMARY_STATE_UNCONFIGURED
    bench.spin_until(lambda: not bench.node.get_publishers_info_by_topic("/detector/heatmap"), "topics to go")
    assert bench.change_state(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert bench.state() == State.PRIMARY_STATE_FINALIZED


def test_shutdown_works_from_the_active_state(start_detector):
    bench = start_detector(autostart=False)
    bench.activate()
    assert bench.change_state(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert bench.state() == State.PRIMARY_STATE_FINALIZED
    assert bench.close() == 0


def test_a_transition_that_the_state_lacks_is_refused_and_the_node_lives(start_detector):
    bench = start_detector(autostart=False)
    assert not bench.change_state(Transition.TRANSITION_ACTIVATE)
    assert not bench.change_state(Transition.TRANSITION_CLEANUP)
    assert not bench.change_state(77)
    assert bench.state() == State.PRIMARY_STATE_UNCONFIGURED
    bench.activate()


def test_a_missing_model_fails_the_transition_not_the_process(start_detector, tmp_path: Path):
    bench = start_detector(model=tmp_path / "nowhere", autostart=False)
    assert not bench.change_state(Transition.TRANSITION_CONFIGURE)
    assert bench.state() == State.PRIMARY_STATE_UNCONFIGURED
    status = bench.wait_for_diagnostics(lambda status: status.level == DiagnosticStatus.ERROR, "the failure")
    assert "nowhere" in status.message
    assert "nowhere" in values_of(status)["last_error"]
    assert values_of(status)["state"] == "unconfigured"


def test_a_model_name_that_no_file_system_takes_is_told_on_diagnostics(start_detector):
    bench = start_detector(model="m" * 300)
    status = bench.wait_for_diagnostics(lambda s: "File name too long" in s.message, "the failure")
    assert status.level == DiagnosticStatus.ERROR
    assert values_of(status)["state"] == "unconfigured"


def test_a_damaged_model_can_be_repaired_and_configured_again(start_detector, tiny_folder: Path):
    graph = tiny_folder / "model.onnx"
    content = graph.read_bytes()
    graph.write_bytes(content[: len(content) // 2])
    bench = start_detector(model=tiny_folder)  # with autostart
    status = bench.wait_for_diagnostics(lambda status: status.level == DiagnosticStatus.ERROR, "the failure")
    assert "sha256" in status.message
    assert str(graph) in status.message
    graph.write_bytes(content)
    bench.activate()
    status = bench.wait_for_diagnostics(lambda status: values_of(status)["state"] == "active", "the node to recover")
    assert status.level != DiagnosticStatus.ERROR


def test_a_model_can_be_replaced_between_cleanup_and_configure(start_detector, tiny_folder: Path):
    bench = start_detector(autostart=False)
    bench.activate()
    accepted, reason = bench.set_parameter("model", str(tiny_folder))
    assert not accepted
    assert "clean up" in reason
    assert bench.change_state(Transition.TRANSITION_DEACTIVATE)
    assert bench.change_state(Transition.TRANSITION_CLEANUP)
    assert bench.set_parameter("model", str(tiny_folder)) == (True, "")
    bench.activate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("said", "later_s"),
    [
        *(("loading model", later_s) for later_s in (0.0, 0.02, 0.05, 0.1, 0.2)),
        ("now inactive", 0.0),
        ("now active", 0.0),
    ],
)
def test_a_signal_while_it_starts_ends_the_node_in_good_order(start_detector, said, later_s, number):
    bench = start_detector()
    deadline = time.monotonic() + 30
    while said not in bench.log() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(later_s)
    bench.process.send_signal(number)
    assert bench.process.wait(30) == 0, bench.log()
    assert "Traceback" not in bench.log()
    assert "[ERROR]" not in bench.log()
