"""Keep a node's executor going whatever a callback raises."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode

_PAUSE_S = 0.01
"""After an exception, so that one which comes back at once does not take a whole processor."""


def spin_until_shutdown(node: LifecycleNode, on_exception: Callable[[Exception], None]) -> None:
    """Run callbacks until the context is shut down; exceptions go to `on_exception` and are survived."""
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        while node.context.ok():
            try:
                executor.spin_once()
            except Exception as error:  # anything a message from outside can provoke inside rclpy
                if node.context.ok():
                    on_exception(error)
                    time.sleep(_PAUSE_S)
    finally:
        executor.shutdown(timeout_sec=1.0)


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """Let the service that changes the state refuse a transition which the state does not have.

    rclpy raises out of the service's callback instead, and the caller never gets an answer.
    """
    service = node._service_change_state
    change_state = service.callback

    def change_or_refuse(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except Exception as error:
            node.get_logger().warning(f"transition refused: {error}")
            response.success = False
            return response

    service.callback = change_or_refuse
