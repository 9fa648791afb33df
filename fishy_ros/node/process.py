"""The process of the node: signals, and the executors that survive what callbacks raise."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fishy_ros.errors import ConfigError
from fishy_ros.node.heap import keep_large_blocks, use_one_heap

if TYPE_CHECKING:
    from rclpy.executors import Executor

    from fishy_ros.node.node import DetectorNode

_PAUSE_S = 0.01
"""After an exception, so that one which comes back at once does not take a whole processor."""


def main() -> None:
    """Settle how memory is kept, then run the node."""
    # Libraries start threads when they are imported, which fixes the number of heaps: neither this module nor those
    # it imports do so.
    use_one_heap()
    keep_large_blocks()
    run_node()


def spin_until_shutdown(executors: Sequence[Executor], nodes: Sequence[DetectorNode]) -> None:
    """Run callbacks until the context is shut down, on a thread for each node: one that opens an engine in its
    `configure` transition holds up no other.
    """
    first, *others = zip(executors, nodes, strict=True)
    threads = [threading.Thread(target=_spin, args=pair, name=pair[1].get_namespace()) for pair in others]
    for thread in threads:
        thread.start()
    _spin(*first)
    for thread in threads:
        thread.join()


def _spin(executor: Executor, node: DetectorNode) -> None:
    """Run the callbacks of a node, which survives what they raise, and tells of it."""
    executor.add_node(node)
    try:
        while node.context.ok():
            try:
                executor.spin_once()
            except Exception as error:  # anything a message from outside can provoke inside rclpy
                if node.context.ok():
                    node.note_callback_failure(error)
                    time.sleep(_PAUSE_S)
    finally:
        executor.shutdown(timeout_sec=1.0)


def run_node() -> None:
    """Run the node, or one for each camera, until interrupted; exit status 2 if an argument is not allowed."""
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions, install_signal_handlers
    from rclpy.utilities import try_shutdown

    from fishy_ros.node.cameras import make_nodes, parse_arguments
    from fishy_ros.node.dds import dds_environment
    from fishy_ros.node.ros_start import init_ros

    os.environ.update(dds_environment())
    try:
        init_ros(sys.argv)
        arguments = parse_arguments(sys.argv[1:])
    except ConfigError as error:
        print(f"detector: {error}", file=sys.stderr)
        sys.exit(2)
    # The handlers of rclpy end its context. KeyboardInterrupt as well would come at any point, within libraries that
    # are being loaded, too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Before the handlers: one that is made while a signal ends the context leaves a traceback behind.
    executors = [SingleThreadedExecutor() for _ in range(max(1, len(arguments.cameras)))]
    install_signal_handlers(SignalHandlerOptions.ALL)
    nodes: list[DetectorNode] = []
    try:
        with _until_shutdown():
            nodes = make_nodes(arguments)
            nodes[0].note_shared_memory()
            for node in nodes:
                if node.starts_by_itself:
                    node.start()
            spin_until_shutdown(executors, nodes)
    except ConfigError as error:
        print(f"detector: {error}", file=sys.stderr)
        sys.exit(2)
    finally:
        for node in nodes:
            node.close()
        try_shutdown()
    if any(node.has_hung for node in nodes):
        # To tear the interpreter down under a thread that is inside a runtime would abort the process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@contextmanager
def _until_shutdown() -> Iterator[None]:
    """Forgive what goes wrong because SIGINT or SIGTERM ended the context of ROS in the midst of it."""
    from rclpy.utilities import get_default_context

    try:
        yield
    except Exception:
        if get_default_context().ok():
            raise


if __name__ == "__main__":
    main()
