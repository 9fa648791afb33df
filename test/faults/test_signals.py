"""Signals that end the node or the camera."""

from __future__ import annotations

import signal

import pytest
from support.detector_bench import values_of
from support.faults.case import FaultCase, says
from support.faults.processes import start_beside

POLITE = {signal.SIGINT: 0, signal.SIGTERM: 0, signal.SIGKILL: -signal.SIGKILL}
"""Signals, and the exit status of a node that gets one."""


def start_again(rig):
    rig.bench.start_process()
    rig.await_status(lambda status: values_of(status)["state"] == "active", "the node to be active")
    rig.play(0.5)


@pytest.mark.parametrize("number", POLITE, ids=lambda number: number.name)
def test_a_node_that_is_ended_can_be_started_again_at_once(rig, hold, number):
    case = FaultCase(
        "signals",
        f"{number.name} to the node",
        "ends" if number == signal.SIGKILL else "ends with status 0",
        lambda rig: rig.bench.process.send_signal(number),
        seen=lambda rig: rig.bench.process.poll() == POLITE[number],
        clear=start_again,
    )
    hold(rig, case)


@pytest.mark.parametrize("number", POLITE, ids=lambda number: number.name)
def test_a_camera_that_is_ended_is_missed_and_another_takes_its_place(rig, hold, number):
    camera = start_beside(rig, "camera_process")
    rig.has_camera_process = True
    try:
        rig.play_until(lambda: rig.bench.node.count_publishers("image") > 1, "the camera's process")

        rig.camera.is_on = False

        def end(rig):
            camera.send_signal(number)

        def start(rig):
            rig.camera.is_on = True

        hold(
            rig,
            FaultCase(
                "signals", f"{number.name} to the camera", "WARN: no image for ... s", end, says("no image for"), start
            ),
        )
    finally:
        camera.kill()
        camera.wait()
