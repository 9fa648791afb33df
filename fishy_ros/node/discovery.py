"""Name a discovery server that does not answer."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from rclpy.node import Node

DISCOVERY_SERVER = "ROS_DISCOVERY_SERVER"
PATIENCE_S: float = 10.0
"""After so long without another node, a discovery server is named."""


def discovery_problem(node: Node, waited_s: float, environment: Mapping[str, str] | None = None) -> str:
    """Say that nobody was found through the discovery server of `environment`; empty if somebody was, or it has none.

    Without its server, a node of Fast DDS finds no other, and nothing tells it why.
    """
    server = (os.environ if environment is None else environment).get(DISCOVERY_SERVER, "")
    if not server or waited_s < PATIENCE_S:
        return ""
    own = node.get_fully_qualified_name()
    others = [f"{space.rstrip('/')}/{name}" for name, space in node.get_node_names_and_namespaces()]
    if any(name != own for name in others):
        return ""
    return f"no other node was found through the discovery server {server} ({DISCOVERY_SERVER}); is it running?"


class DiscoveryWatch:
    """Says from its beginning on what `discovery_problem` says, and logs it once: nobody may hear diagnostics."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()
        self._is_told = False

    def problems(self, node: Node) -> tuple[str, ...]:
        """Return what is wrong, as a line or none."""
        problem = discovery_problem(node, time.monotonic() - self._started_at)
        if not problem:
            return ()
        if not self._is_told:
            node.get_logger().warning(problem)
            self._is_told = True
        return (problem,)
