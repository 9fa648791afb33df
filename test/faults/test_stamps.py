"""Stamps that are zero, repeated, late, far ahead, or from a clock that was set back."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from support.faults.camera import SECOND, WallClock
from support.faults.case import FaultCase, says

STALE = says("stale images", level=DiagnosticStatus.WARN)


def stamped(clock, copies=1):
    """Build a step that gives the camera another clock, a function of nothing that returns ns."""

    def step(rig):
        rig.camera = replace(rig.camera, clock=clock, copies=copies)

    return step


def one_frame_with(offset_ns):
    """Build a step that sends one frame whose stamp is off, alone, so that none overtakes it."""

    def step(rig):
        usual = replace(rig.camera)
        rig.settle()
        rig.camera.clock = WallClock(offset_ns)
        said = len(rig.bench.diagnostics)
        rig.send()
        rig.play_until(
            lambda: rig.heard[-1].stamp_ns == rig.sent[-1].stamp_ns or any(map(STALE, rig.bench.diagnostics[said:])),
            "the node to publish or to refuse the frame",
        )
        rig.camera = usual

    return step


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
    usual, before_all, heard, sent = rig.camera, rig.counts(), len(rig.heard), len(rig.sent)

    def unstamped():
        return [one for one in rig.heard[heard:] if one.stamp_ns == 0]

    stamped(lambda: 0)(rig)
    rig.play_until(lambda: len(unstamped()) >= 5, "heatmaps of images without a stamp")
    rig.camera = usual
    rig.play_until_heatmap(time.monotonic(), "the heatmap of an image with a stamp")
    assert len(unstamped()) <= len([one for one in rig.sent[sent:] if one.stamp_ns == 0])
    assert not rig.wrong_since(before_all, clock_steps_back=0)
    rig.await_counts(lambda values: int(values["frames_unstamped"]) >= len(unstamped()), "the count of them")


def test_a_new_order_of_stamps_is_counted(rig):
    expected = sum(case.clock_steps_back for case in CASES)
    values = rig.await_counts(lambda values: int(values["stamp_restarts"]) >= expected, "the count of new orders")
    assert int(values["stamp_restarts"]) == expected
