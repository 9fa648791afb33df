"""Run the detector node as a process of its own, with its log in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from fishy_ros.bags import IMAGE_TOPIC
from fishy_ros.closing import Closing
from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.package_path import with_package_path
from fishy_ros.evaluation.replay.request import DetectorChoice
from fishy_ros.node.dds import remove_abandoned, segments_of
from fishy_ros.topics import camera_info_topic

LOG_LINES_SHOWN = 15
_STOP_SIGNALS = ((signal.SIGINT, 10.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))


def detector_command(
    choice: DetectorChoice,
    image_topic: str = IMAGE_TOPIC,
    image_transport: str = "raw",
    parameters: tuple[tuple[str, str], ...] = (),
) -> list[str]:
    """Build the command line of the detector node, which then waits for its lifecycle transitions.

    Args:
        choice: the detector.
        image_topic: where it listens for images; compressed ones are expected under `<image_topic>/compressed`.
        image_transport: `raw` or `compressed`.
        parameters: more parameters of the node, name and value.
    """
    values = {
        **{name: value for name, value in asdict(choice).items() if value != ""},
        "image_transport": image_transport,
        **dict(parameters),
        "autostart": "false",
    }
    remappings = {
        "image": image_topic,
        "image/compressed": f"{image_topic}/compressed",
        "camera_info": camera_info_topic(image_topic),
    }
    return [
        *(sys.executable, "-u", "-m", "fishy_ros.node.process", "--ros-args"),
        *(word for key, value in values.items() for word in ("-p", f"{key}:={value}")),
        *(word for name, topic in remappings.items() for word in ("-r", f"{name}:={topic}")),
    ]


class DetectorProcess(Closing):
    """A detector node that runs while the context is open.

    It has its own session, so that Ctrl-C reaches only the harness, which then stops it.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log_path: Path) -> None:
        """Start the node by a command line, with `environment` on top of this process's own."""
        self.log_path = log_path
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=with_package_path({**os.environ, **environment}),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id of the node."""
        return self._process.pid

    def check(self) -> None:
        """Raise when the node has ended.

        Raises:
            ReplayError: with the exit status and the last lines of its log.
        """
        status = self._process.poll()
        if status is not None:
            raise self.failure(f"the detector node ended with exit status {status}")

    def failure(self, reason: str) -> ReplayError:
        """Build an error that shows the last lines of the node's log."""
        lines = self.log_path.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        tail = "\n".join(f"  | {line}" for line in lines) or "  | (empty)"
        return ReplayError(f"{reason}; the end of its log {self.log_path}:\n{tail}")

    def wait(self, timeout_s: float) -> bool:
        """Wait until the node has ended by itself; False when it still runs after `timeout_s`."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """End the node: politely first, then by force, which leaves its shared memory to be removed here."""
        for stop_signal, patience_s in _STOP_SIGNALS:
            if self._process.poll() is not None:
                return
            left_behind = segments_of(self.pid) if stop_signal == signal.SIGKILL else []
            self._process.send_signal(stop_signal)
            if self.wait(patience_s):
                remove_abandoned(left_behind, min_age_s=0.0)
