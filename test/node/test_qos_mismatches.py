"""Endpoints that do not fit are named with the policy, as long as they are there."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Float32

from fishy_ros.node.qos import QosMismatches

pytestmark = pytest.mark.live

NEWEST = QoSProfile(depth=1)


@pytest.fixture
def context(domain):
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    yield context
    context.try_shutdown()


@pytest.fixture
def ours(context):
    return Node("ours", context=context)


@pytest.fixture
def other(context):
    return Node("other", context=context)


@pytest.fixture
def spin_until(context, ours):
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(ours)

    def spin(is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60.0
        while not is_done():
            assert time.monotonic() < deadline
            executor.spin_once(timeout_sec=0.05)

    yield spin
    executor.shutdown(timeout_sec=1.0)


def test_publishers_that_offer_too_little_are_named_until_they_are_gone(ours, other, spin_until):
    mismatches = QosMismatches(ours)
    ours.create_subscription(Float32, "x", print, NEWEST, event_callbacks=mismatches.of_subscription("x"))
    careless = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    publishers = [other.create_publisher(Float32, "x", qos) for qos in (careless, NEWEST, careless)]
    spin_until(lambda: mismatches.problems == ("2 publishers of x offer an incompatible reliability",))
    other.destroy_publisher(publishers[0])
    spin_until(lambda: mismatches.problems == ("1 publishers of x offer an incompatible reliability",))
    other.destroy_publisher(publishers[2])
    spin_until(lambda: mismatches.problems == ())


def test_subscribers_that_ask_for_too_much_are_named_until_they_are_gone(ours, other, spin_until):
    mismatches = QosMismatches(ours)
    ours.create_publisher(Float32, "~/x", NEWEST, event_callbacks=mismatches.of_publisher("~/x"))
    keeping = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    asking, _ = (other.create_subscription(Float32, "ours/x", print, qos) for qos in (keeping, NEWEST))
    spin_until(lambda: mismatches.problems == ("1 subscribers of ~/x ask for an incompatible durability",))
    other.destroy_subscription(asking)
    spin_until(lambda: mismatches.problems == ())
