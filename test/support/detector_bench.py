"""A detector node in a process of its own, and a node that plays camera and listens to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter as RclpyParameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Float32, Header
from visualization_msgs.msg import MarkerArray

from fishy_ros.evaluation.live.state_question import StateQuestion
from support.sources import python_path

EVERYTHING = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1000, reliability=ReliabilityPolicy.RELIABLE)
"""More than any test waits for: a bench that has no time to listen while it plays loses nothing."""
CAMERA = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
STRAGGLERS_S = 1.0
"""Time for messages that are still under way, on a busy machine."""
LIMIT_S = 60.0
"""When a wait for an event gives up: far above what any event takes, so that a busy machine is no failure."""
OUTPUTS = {
    "heatmap": Image,
    "overlay": Image,
    "overlay/compressed": CompressedImage,
    "segmentation": Image,
    "camera_info": CameraInfo,
    "latency": DiagnosticArray,
    "latency_ms": Float32,
    "mask": Image,
    "markers": MarkerArray,
    "obstacles": PointCloud2,
}
LAST_PUBLISHED = "threshold"
"""Name of the publisher that the node makes after those of all outputs."""


class DetectorBench:
    """Start a detector, publish to it, and collect what it publishes. Everything waits with a limit."""

    def __init__(
        self,
        log: Path,
        domain: int,
        command: list[str],
        name: str = "/detector",
        image_topic: str = "image",
        environment: Mapping[str, str] | None = None,
        output: Path | None = None,
    ) -> None:
        self.name = name
        self.domain = domain
        self.received: dict[str, list[Any]] = {name: [] for name in OUTPUTS}
        self.diagnostics: list[DiagnosticStatus] = []
        self._clients: dict[str, Any] = {}
        self._log = log
        self._output = output or log
        self._command = command
        self._environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(domain),
            "PYTHONPATH": python_path(),
            **(environment or {}),
        }
        self.start_process()
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = Node("bench", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.image = self.node.create_publisher(Image, image_topic, CAMERA)
        self.compressed = self.node.create_publisher(CompressedImage, f"{image_topic}/compressed", CAMERA)
        self.camera_info = self.node.create_publisher(CameraInfo, "camera_info", CAMERA)

    def start_process(self) -> None:
        """Start the node, anew if it has ended; what it prints replaces what was printed before."""
        self._clients.clear()  # a new node does not know them yet
        with self._output.open("wb") as sink:
            self.process = subprocess.Popen(
                self._command, stdout=sink, stderr=subprocess.STDOUT, env=self._environment, start_new_session=True
            )

    def subscribe(self, *outputs: str) -> None:
        """Collect what the node publishes under `~/NAME`."""
        for name in outputs:
            self.node.create_subscription(OUTPUTS[name], f"{self.name}/{name}", self.received[name].append, EVERYTHING)

    def spin_until(self, is_done: Callable[[], Any], what: str, timeout_s: float = LIMIT_S) -> None:
        """Handle callbacks until `is_done`; fail with the log of the node after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not is_done():
            assert self.process.poll() is None, f"the node ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}:\n{self.log()}"
            self._executor.spin_once(timeout_sec=0.05)

    def spin_once(self, timeout_s: float = 0.0) -> None:
        """Handle one callback, if there is one within `timeout_s` seconds."""
        self._executor.spin_once(timeout_sec=timeout_s)

    def spin_for(self, seconds: float) -> None:
        """Handle callbacks for some time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=min(0.02, left))

    def wait_until_connected(self, publisher: Any = None) -> None:
        """Wait until the node listens to the camera, and each side knows all publishers and subscriptions of the other.

        The node makes its publishers before it listens, `LAST_PUBLISHED` after those of `OUTPUTS`, and announces them
        in that order.
        """
        camera = publisher or self.image
        self.spin_until(lambda: camera.get_subscription_count() > 0, "the node to subscribe to the camera")
        last = f"{self.name}/{LAST_PUBLISHED}"
        self.spin_until(lambda: self.node.count_publishers(last) > 0, f"the publishers up to {last}")
        self.wait_until_known()

    def wait_until_known(self) -> None:
        """Wait until the node knows everything that was made here up to now."""
        question = StateQuestion(self.node, self.name)
        self.spin_until(lambda: question.poll() is not None, "the node to know those who talk to it")
        question.close()

    def call(self, service_type: Any, name: str, request: Any) -> Any:
        """Call a service of the node."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(service_type, f"{self.name}/{name}")
            self.spin_until(self._clients[name].service_is_ready, f"the service {name}")
            self.wait_until_known()
        future = self._clients[name].call_async(request)
        self.spin_until(future.done, f"an answer of {name}")
        return future.result()

    def change_state(self, transition: int) -> bool:
        """Ask for a lifecycle transition; says whether it succeeded."""
        return bool(
            self.call(ChangeState, "change_state", ChangeState.Request(transition=Transition(id=transition))).success
        )

    def state(self) -> int:
        """Return the id of the lifecycle state."""
        return int(self.call(GetState, "get_state", GetState.Request()).current_state.id)

    def activate(self) -> None:
        """Configure and activate."""
        assert self.change_state(Transition.TRANSITION_CONFIGURE), self.log()
        assert self.change_state(Transition.TRANSITION_ACTIVATE), self.log()
        assert self.state() == State.PRIMARY_STATE_ACTIVE

    def set_parameter(self, name: str, value: object) -> tuple[bool, str]:
        """Set a parameter; returns whether it was accepted, and the reason if not."""
        message: ParameterValue = RclpyParameter(name, value=value).get_parameter_value()
        request = SetParameters.Request(parameters=[Parameter(name=name, value=message)])
        result = self.call(SetParameters, "set_parameters", request).results[0]
        return bool(result.successful), str(result.reason)

    def wait_for_diagnostics(self, is_it: Callable[[DiagnosticStatus], bool], what: str) -> DiagnosticStatus:
        """Wait for a new status that `is_it` accepts; it is shown each status once, in their order."""
        shown = len(self.diagnostics)

        def is_found() -> bool:
            nonlocal shown
            while shown < len(self.diagnostics):
                shown += 1
                if is_it(self.diagnostics[shown - 1]):
                    return True
            return False

        self.spin_until(is_found, f"diagnostics: {what}")
        return self.diagnostics[shown - 1]

    def log(self) -> str:
        """Return what the node has logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else "(no log)"

    def close(self) -> int:
        """Interrupt the node as Ctrl-C does; returns its exit status."""
        self._executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()
        self._context.try_shutdown()
        if self.process.poll() is None:
            self.process.send_signal(2)
        try:
            return self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the node does not stop:\n{self.log()}") from None

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.diagnostics.extend(status for status in message.status if status.name.endswith("detector: detector"))


def node_command(**parameters: object) -> list[str]:
    """Build the command line of a detector node with these parameters; `remap` renames a topic, FROM:=TO."""
    remap = parameters.pop("remap", None)
    arguments = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    return [
        sys.executable,
        "-u",
        "-m",
        "fishy_ros.node.process",
        "--ros-args",
        *arguments,
        *(["-r", str(remap)] if remap else []),
    ]


def header(index: int, frame_id: str = "camera") -> Header:
    """Build a header stamped now, to the ms, plus `index` ns, so that stamps of different indices differ."""
    stamp_ns = time.time_ns() // 1_000_000 * 1_000_000 + index
    return Header(stamp=Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9), frame_id=frame_id)


def image_message(image: np.ndarray, head: Header) -> Image:
    """Build a bgr8 message from uint8 `[H, W, 3]`."""
    height, width = image.shape[:2]
    message = Image(header=head, height=height, width=width, encoding="bgr8", step=3 * width)
    message.data.frombytes(np.ascontiguousarray(image).data.cast("B"))
    return message


def heatmap_of(message: Image) -> np.ndarray:
    """Return the scores of a heatmap, float32 `[h, w]`."""
    return np.frombuffer(bytes(message.data), np.float32).reshape(message.height, message.width)


def stamp_of(message: Any) -> tuple[int, int]:
    """Return the stamp of a message's header."""
    return message.header.stamp.sec, message.header.stamp.nanosec


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    """Return the values of a status by key."""
    return {pair.key: pair.value for pair in status.values}
