"""Simulated time that has not begun or jumps, and others on the same domain."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import cycle

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import String
from support.detector_bench import CAMERA
from support.faults.camera import SECOND, Camera, WallClock, take_picture
from support.faults.case import FaultCase, says
from support.faults.hostile import random_cdr

STALE = says("stale images", level=DiagnosticStatus.WARN)


class SimulatedClock:
    """Publishes `/clock` before every picture that it stamps."""

    def __init__(self, rig, start_s):
        self._publisher = rig.bench.node.create_publisher(Clock, "/clock", 10)
        self._offset_ns = start_s * SECOND - time.monotonic_ns()

    def jump(self, seconds):
        self._offset_ns += seconds * SECOND

    def __call__(self):
        stamp_ns = time.monotonic_ns() + self._offset_ns
        self._publisher.publish(Clock(clock=Time(sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND)))
        return stamp_ns


@pytest.fixture(scope="module")
def simulated_rig(start_rig):
    return start_rig(use_sim_time=True)


def begin_clock(rig):
    rig.camera = replace(rig.camera, clock=SimulatedClock(rig, 100_000))


SIMULATED = [
    FaultCase("clock", "simulated time has not begun", "goes on, ages are invalid", lambda rig: None),
    FaultCase(
        "clock", "simulated time begins, decades ago", "WARN: stale images", begin_clock, STALE, clock_steps_back=1
    ),
    FaultCase("clock", "simulated time jumps 1000 s ahead", "goes on", lambda rig: rig.camera.clock.jump(1000)),
    FaultCase(
        "clock",
        "simulated time jumps 1000 s back",
        "WARN: stale images, a new order after 0.5 s",
        lambda rig: rig.camera.clock.jump(-1000),
        STALE,
        clock_steps_back=1,
    ),
]


@pytest.mark.parametrize("case", SIMULATED, ids=str)
def test_frames_go_on_whatever_the_simulated_clock_does(simulated_rig, hold, case):
    hold(simulated_rig, case)


def test_a_clock_of_random_bytes_stops_no_frames(start_rig, hold):
    rig = start_rig(use_sim_time=True)
    clock = rig.bench.node.create_publisher(Clock, "/clock", 10)
    rig.play(0.5)
    hold(
        rig,
        FaultCase(
            "clock",
            "random CDR as /clock",
            "goes on",
            lambda rig: rig.send_bytes(list(random_cdr(50, seed=5, largest=8)), clock),
        ),
    )


def make_noise(rig):
    """Send 1 MB pictures and short texts on topics that are not the node's, as fast as this process can, for 1 s."""
    node = rig.bench.node
    texts = node.create_publisher(String, "noise", 10)
    pictures = node.create_publisher(Image, "other_camera", CAMERA)
    picture, _ = take_picture(Camera(sizes=cycle([(512, 680)])), 1)
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        texts.publish(String(data="noise " * 100))
        pictures.publish(picture)
        rig.play(0.001)
    node.destroy_publisher(texts)
    node.destroy_publisher(pictures)


def second_camera(rig):
    rig.extra_publishers = [rig.bench.node.create_publisher(Image, "image", CAMERA)]


def second_camera_of_another_time(rig):
    second_camera(rig)
    now, before = WallClock(), WallClock(-1000 * SECOND)
    turns = cycle([now, before])
    rig.camera = replace(rig.camera, clock=lambda: next(turns)())


def one_camera(rig):
    for publisher in rig.extra_publishers:
        rig.bench.node.destroy_publisher(publisher)
    rig.extra_publishers = []
    rig.camera = replace(rig.camera, clock=WallClock())


CROWD = says("2 publishers share", level=DiagnosticStatus.WARN)
DOMAIN = [
    FaultCase("domain", "noise of other nodes", "goes on", make_noise),
    FaultCase("domain", "two cameras on one topic", "WARN: 2 publishers share ...", second_camera, CROWD, one_camera),
    FaultCase(
        "domain",
        "a second camera whose clock is 1000 s behind",
        "WARN: stale images",
        second_camera_of_another_time,
        STALE,
        one_camera,
    ),
]


@pytest.mark.parametrize("case", DOMAIN, ids=str)
def test_others_on_the_domain_cannot_mix_into_the_heatmaps(rig, hold, case):
    hold(rig, case)
