"""Let the node start where the folder of ROS's log files cannot be written, as on a full disk."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

WITHOUT_LOG_FILES: tuple[str, ...] = ("--ros-args", "--disable-external-lib-logs")


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
        return Path(environment["ROS_LOG_DIR"]).expanduser()
    home = environment.get("ROS_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".ros") / "log"
