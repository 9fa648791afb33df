"""Subscribers that come and go in crowds, ask for what is not offered, or stop listening."""

from __future__ import annotations

import signal

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from support.detector_bench import EVERYTHING, OUTPUTS
from support.faults.case import FaultCase, says
from support.faults.processes import start_beside


def storm(rig):
    """Subscribe to everything ten times over and leave again, four times."""
    node = rig.bench.node
    for _ in range(4):
        crowd = [
            node.create_subscription(message_type, f"/detector/{name}", lambda message: None, EVERYTHING)
            for name, message_type in OUTPUTS.items()
            for _ in range(10)
        ]
        rig.play(0.3)
        for subscription in crowd:
            node.destroy_subscription(subscription)
        rig.play(0.1)


def asks(message_type, topic, **policies):
    """Build a step that subscribes with policies that the node does not offer."""

    def step(rig):
        rig.bench.node.create_subscription(
            message_type, f"/detector/{topic}", lambda message: None, QoSProfile(depth=1, **policies)
        )

    return step


def refused(name, policy, step):
    warning = says(f"incompatible {policy}", level=DiagnosticStatus.WARN)
    return FaultCase("subscribers", name, f"WARN: incompatible {policy}", step, warning)


CASES = [
    FaultCase("subscribers", "70 subscribers join and leave, four times", "goes on", storm),
    refused(
        "one asks the heatmap for transient_local",
        "durability",
        asks(Image, "heatmap", durability=DurabilityPolicy.TRANSIENT_LOCAL),
    ),
    refused(
        "one asks the latency for a deadline",
        "deadline",
        asks(DiagnosticArray, "latency", deadline=Duration(seconds=0.1)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_subscribers_cannot_disturb_the_heatmaps_of_others(rig, hold, case):
    hold(rig, case)


def test_a_reliable_subscriber_that_stops_reading_holds_nothing_up(rig, hold):
    listener = start_beside(rig, "listener_process")
    try:
        rig.play_until(lambda: rig.bench.node.count_subscribers("/detector/overlay") > 0, "the listener")
        rig.play(0.5)
        case = FaultCase(
            "subscribers",
            "a reliable subscriber's process freezes",
            "goes on",
            lambda rig: listener.send_signal(signal.SIGSTOP),
            hold_s=3.0,
        )
        outcome = hold(rig, case)
        assert outcome.frames_lost < outcome.frames_sent / 2
    finally:
        listener.kill()
        listener.wait()
