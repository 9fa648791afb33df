"""Ask a lifecycle node for its state until it answers, which also tells that it knows who asks."""

from __future__ import annotations

import time
from typing import Any

from lifecycle_msgs.srv import GetState
from rclpy.node import Node

AGAIN_S: float = 0.5
"""A question without an answer for so long is asked again."""


class StateQuestion:
    """Asks a lifecycle node for its state, as often as it takes.

    The middleware discovers each direction by itself: a service that is ready here may be offered by a node that does
    not know this one yet, and what it answers to a stranger is lost (Fast DDS waits 0.1 s). The endpoints of a process
    are announced in the order in which they were made, so an answer to a question tells that the node knows whatever
    was made before the question, too: publishers, subscriptions and clients of other services.
    """

    def __init__(self, node: Node, name: str) -> None:
        """Make a client on `node` for the state of the node `name`, a full name."""
        self._node = node
        self._client = node.create_client(GetState, f"{name}/get_state")
        self._futures: list[Any] = []
        self._asked_at = 0.0

    @property
    def has_service(self) -> bool:
        """Whether somebody offers to answer."""
        return bool(self._client.service_is_ready())

    def poll(self) -> int | None:
        """Return the id of the state if an answer is here, and forget it; otherwise ask, if it is time to.

        Somebody has to handle the callbacks of the node between two calls.
        """
        answered = next((future for future in self._futures if future.done()), None)
        if answered is not None:
            self._futures.clear()
            return int(answered.result().current_state.id)
        now = time.monotonic()
        if self.has_service and (not self._futures or now - self._asked_at >= AGAIN_S):
            self._futures.append(self._client.call_async(GetState.Request()))
            self._asked_at = now
        return None

    def close(self) -> None:
        """Take the client off the bus."""
        self._node.destroy_client(self._client)
