"""Publish on `/diagnostics` once a second, in every lifecycle state."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from fishy_ros.node.diagnostics import Observation, Rates, diagnostics_message
from fishy_ros.node.distributions import steady_clock
from fishy_ros.node.parameters import DetectorParameters

PERIOD_S: float = 1.0


class DiagnosticsPublisher:
    """Observe a node every `PERIOD_S` and publish what is seen."""

    def __init__(
        self, node: Node, observe: Callable[[], Observation], parameters: Callable[[], DetectorParameters]
    ) -> None:
        """Start; the timer keeps going where the simulated clock stands still."""
        self._node = node
        self._observe = observe
        self._parameters = parameters
        self._before: Observation | None = None
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        node.create_timer(PERIOD_S, self.publish, clock=steady_clock())

    def publish(self) -> None:
        """Observe and publish now."""
        now = self._observe()
        rates = Rates.between(self._before, now)
        self._before = now
        source, stamp = self._node.get_fully_qualified_name(), self._node.get_clock().now().to_msg()
        self._publisher.publish(diagnostics_message(source, stamp, now, rates, self._parameters()))
