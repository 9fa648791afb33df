"""What rclpy of ROS 2 Humble calls differently, or lacks; from Iron on there is no difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rclpy.clock import Clock

try:
    from rclpy.clock_type import ClockType
    from rclpy.event_handler import (
        PublisherEventCallbacks,
        QoSOfferedIncompatibleQoSInfo,
        QoSRequestedIncompatibleQoSInfo,
        SubscriptionEventCallbacks,
    )

    IS_HUMBLE = False
except ImportError:
    from rclpy.clock import ClockType  # type: ignore[attr-defined]
    from rclpy.qos_event import (
        PublisherEventCallbacks,
        QoSOfferedIncompatibleQoSInfo,
        QoSRequestedIncompatibleQoSInfo,
        SubscriptionEventCallbacks,
    )

    IS_HUMBLE = True

__all__ = (
    "IS_HUMBLE",
    "PublisherEventCallbacks",
    "QoSOfferedIncompatibleQoSInfo",
    "QoSRequestedIncompatibleQoSInfo",
    "SubscriptionEventCallbacks",
    "steady_clock",
    "with_info",
)


def steady_clock() -> Clock:
    """Return a clock that nobody sets."""
    return Clock(clock_type=ClockType.STEADY_TIME)


def with_info(callback: Callable[[Any, Mapping[str, int]], None]) -> Callable[..., None]:
    """Return what to subscribe with, so that `callback` gets a message and what the middleware knows about it.

    Humble does not tell: there the second is empty.
    """
    return (lambda message: callback(message, {})) if IS_HUMBLE else callback
