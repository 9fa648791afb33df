"""The process of the node: heap, logs, signals, and the executors that survive what callbacks raise."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fishy_ros.errors import ConfigError

if TYPE_CHECKING:
    from rclpy.executors import Executor
    from rclpy.lifecycle import LifecycleNode

    from fishy_ros.node.node import DetectorNode

import ctypes
import logging
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WITHOUT_LOG_FILES: tuple[str, ...] = ("--ros-args", "--disable-external-lib-logs")

_SOURCE = "fishy_ros"

_PAUSE_S = 0.01
"""After an exception, so that one which comes back at once does not take a whole processor."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
"""Names and numbers of glibc's `mallopt(3)`."""

MMAP_THRESHOLD_BYTES: int = 32 * 1024 * 1024
"""The largest that glibc allows: a 3840x2160 bgr8 image is 24 MiB."""
TRIM_THRESHOLD_BYTES: int = 256 * 1024 * 1024


def main() -> None:
    """Settle how memory is kept, then run the node."""
    # Libraries start threads when they are imported, which fixes the number of heaps: so this module imports none.
    use_one_heap()
    keep_large_blocks()
    run_node()


def keep_large_blocks() -> bool:
    """Let glibc serve blocks of up to 32 MiB from its heap, and keep up to 256 MiB of free heap.

    By default every image gets fresh pages from the kernel, zeroed one by one when they are first touched, which
    takes longer than the copy into them. Returns False, and changes nothing, where the C library is not glibc.
    """
    return _set(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES) and _set(_M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)


def use_one_heap() -> bool:
    """Have all threads allocate from one heap; only before the first thread starts does that hold for all.

    By default glibc gives threads heaps of their own, up to eight a core, and free memory at the end of those never
    goes back to the kernel: each engine may be made by threads with another heap and leave its size there. Returns
    False, and changes nothing, where the C library is not glibc.
    """
    return _set(_M_ARENA_MAX, 1)


def give_back_free_blocks() -> bool:
    """Give free pages back to the kernel, those between blocks in use too: for when large things were just freed.

    What an engine leaves behind is seldom filled exactly by the next one, so without this the heap grows by such gaps.
    Returns False, and changes nothing, where the C library is not glibc.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return False
    trim(ctypes.c_size_t(0))
    return True


def _set(parameter: int, value: int) -> bool:
    try:
        return bool(ctypes.CDLL(None).mallopt(parameter, value))
    except (AttributeError, OSError):
        return False


def log_arguments(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the arguments that `rclpy.init` needs so that it does not fail over its log file; empty if it can write.

    Without them it raises when the folder cannot be made, and the node would be dead for want of a log.
    """
    try:
        folder = log_folder(environment)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
    except (OSError, RuntimeError):
        return WITHOUT_LOG_FILES
    return ()


def log_folder(environment: Mapping[str, str]) -> Path:
    """Return where ROS 2 writes its log files.

    Raises:
        RuntimeError: nothing says where, and this user has no home.
    """
    if environment.get("ROS_LOG_DIR"):
        return _expanded(environment["ROS_LOG_DIR"], environment)
    return _expanded(environment.get("ROS_HOME") or "~/.ros", environment) / "log"


def _expanded(path: str, environment: Mapping[str, str]) -> Path:
    """Replace a leading `~` as ROS does, which asks nobody but `HOME` where that is."""
    if path.startswith("~") and not environment.get("HOME"):
        raise RuntimeError(f"{path}: HOME is not set")
    return Path(path).expanduser()


class LogBridge(logging.Handler):
    """Forward Python's log records of this package, from `INFO` on, to a logger of rclpy, until closed.

    So they reach the console, the log files and `/rosout` as everything else that the node says.
    """

    def __init__(self, logger: Any) -> None:
        """Start to forward to `logger`, as `Node.get_logger` returns it."""
        super().__init__(logging.INFO)
        self._logger = logger
        source = logging.getLogger(_SOURCE)
        self._level_before, self._propagated = source.level, source.propagate
        source.setLevel(logging.INFO)
        source.propagate = False
        source.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Forward one record; rclpy wants every call to keep to one severity, so there is a call for each."""
        try:
            text = record.getMessage()
            if record.levelno >= logging.ERROR:
                self._logger.error(text)
            elif record.levelno >= logging.WARNING:
                self._logger.warning(text)
            else:
                self._logger.info(text)
        except Exception:  # a log that fails must not stop the work
            self.handleError(record)

    def close(self) -> None:
        """Stop forwarding."""
        source = logging.getLogger(_SOURCE)
        source.removeHandler(self)
        source.setLevel(self._level_before)
        source.propagate = self._propagated
        super().close()


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
