"""An engine that throws, returns nonsense or hangs: visible at once, nothing published, and work goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from support.detector_bench import values_of
from support.faults.case import FaultCase, says
from support.odd_models import (
    build_failing_package,
    build_hanging_package,
    build_nan_package,
    build_throwing_package,
)


def set_bright(is_bright):
    """Build a step that lets the camera show what the model cannot bear."""

    def step(rig):
        rig.camera = replace(rig.camera, is_bright=is_bright)

    return step


def until_restarted(rig):
    set_bright(False)(rig)
    rig.await_status(lambda status: "no answer from the runtime" in values_of(status)["last_error"], "the restart")


def configure_again(rig):
    set_bright(False)(rig)
    rig.bench.activate()


FAILS = says("inference failed", level=DiagnosticStatus.ERROR)
FAILING = {
    build_throwing_package: "throws",
    build_nan_package: "returns NaN",
    build_failing_package: "returns scores out of range",
}
HANGS = FaultCase(
    "engine",
    "hangs",
    "ERROR: one frame has been in work for ... s, then a restart",
    set_bright(True),
    says("has been in work", level=DiagnosticStatus.ERROR),
    until_restarted,
)
GIVES_UP = FaultCase(
    "engine",
    "hangs after the last restart allowed",
    "ERROR: the runtime hangs; error transition, then configured anew",
    set_bright(True),
    lambda status: "the runtime hangs" in status.message and values_of(status)["state"] == "unconfigured",
    configure_again,
)


@pytest.mark.parametrize(("build", "name"), FAILING.items(), ids=FAILING.values())
def test_an_engine_that_fails_is_an_error_and_the_next_good_frame_is_published(start_rig, hold, tmp_path, build, name):
    rig = start_rig(build(tmp_path / "odd"))
    case = FaultCase("engine", name, "ERROR: inference failed", set_bright(True), FAILS, set_bright(False))
    hold(rig, case)


def test_an_engine_that_hangs_is_an_error_and_is_restarted(start_rig, hold, tmp_path):
    hold(start_rig(build_hanging_package(tmp_path / "odd"), hang_timeout_s=2.0), HANGS)


def test_an_engine_that_hangs_again_ends_in_the_error_transition_and_can_be_configured_anew(start_rig, hold, tmp_path):
    hold(start_rig(build_hanging_package(tmp_path / "odd"), hang_timeout_s=2.0, max_restarts=0), GIVES_UP)
