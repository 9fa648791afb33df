"""Stamps that are zero, repeated, late, far ahead, or from a clock that was set back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from support.detector_bench import values_of
from support.faults.camera import SECOND, WallClock
from support.faults.case import FaultCase, says


def stamped(clock, copies=1):
    """Build a step that gives the camera another clock, a function of nothing that returns ns."""

    def step(rig):
        rig.camera = replace(rig.camera, clock=clock, copies=copies)

    return step


def one_frame_with(offset_ns):
    """Build a step that sends one frame whose stamp is off, with a pause around it, so that none overtakes it."""

    def step(rig):
        usual = rig.camera
        rig.camera = replace(usual, is_on=False, clock=WallClock(offset_ns))
        rig.play(0.2)
        rig.send()
        rig.play(0.2)
        rig.camera = usual

    return step


STALE = says("stale images", level=DiagnosticStatus.WARN)
RIGHT = stamped(WallClock())


def right_after_a_second(rig):
    rig.play(1.0)
    RIGHT(rig)


CASES = [
    FaultCase(
        "stamps",
        "are all zero",
        "goes on, WARN: camera stamps are zero",
        stamped(lambda: 0),
        says("camera stamps are zero", level=DiagnosticStatus.WARN),
        right_after_a_second,
    ),
    FaultCase("stamps", "come twice with two images", "WARN: stale images", stamped(WallClock(), 2), STALE, RIGHT),
    FaultCase("stamps", "one frame is 5 s late", "WARN: stale images", one_frame_with(-5 * SECOND), STALE),
    FaultCase(
        "stamps",
        "one frame is an hour ahead",
        "WARN: stale images, a new order after 0.5 s",
        one_frame_with(3600 * SECOND),
        STALE,
        clock_steps_back=1,
    ),
    FaultCase(
        "stamps",
        "clock is set back by 1000 s",
        "WARN: stale images, a new order after 0.5 s",
        stamped(WallClock(-1000 * SECOND)),
        STALE,
        right_after_a_second,
        clock_steps_back=1,
    ),
    FaultCase(
        "stamps",
        "clock runs an hour ahead, then is put right",
        "goes on, a new order after 0.5 s",
        stamped(WallClock(3600 * SECOND)),
        clear=RIGHT,
        clock_steps_back=1,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_published_stamps_increase_whatever_the_camera_stamps(rig, hold, case):
    hold(rig, case)


def test_a_camera_without_stamps_gets_the_heatmaps_of_its_images_in_their_order(rig):
    usual, heard, sent = rig.camera, len(rig.heard), len(rig.sent)
    stamped(lambda: 0)(rig)
    rig.play_until(lambda: len(rig.heard) >= heard + 5, "heatmaps of images without a stamp")
    rig.camera = replace(usual, is_on=False)
    rig.play(0.5)
    rig.camera = usual
    unstamped = [one for one in rig.heard[heard:] if one.stamp_ns == 0]
    assert 5 <= len(unstamped) <= len(rig.sent) - sent
    assert not rig.wrong_since(heard, clock_steps_back=0)
    rig.await_status(lambda status: int(values_of(status)["frames_unstamped"]) >= len(unstamped), "the count of them")


def test_a_new_order_of_stamps_is_counted(rig):
    expected = sum(case.clock_steps_back for case in CASES)
    rig.play(1.5)
    assert int(values_of(rig.bench.diagnostics[-1])["stamp_restarts"]) == expected
