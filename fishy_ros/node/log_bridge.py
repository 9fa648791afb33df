"""Hand what the ROS-free layers log (a fallback, the progress of an engine build) to the node's own log."""

from __future__ import annotations

import logging
from typing import Any

_SOURCE = "fishy_ros"


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
