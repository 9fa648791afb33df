"""Where logs go: into ROS's files where they can be written, and from Python's `logging` to rclpy."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WITHOUT_LOG_FILES: tuple[str, ...] = ("--ros-args", "--disable-external-lib-logs")

_SOURCE = "fishy_ros"


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
