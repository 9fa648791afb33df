"""The harness's side of the bus: publish images to a detector node, receive its heatmaps and latencies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fishy_ros.bags.messages import with_stamp
from fishy_ros.bags.topics import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from fishy_ros.closing import Closing
from fishy_ros.errors import ImageError, ReplayError, describe_error
from fishy_ros.evaluation.live.replay_messages import classes_of, score_of, stages_of, stamp_of
from fishy_ros.evaluation.live.state_question import StateQuestion
from fishy_ros.evaluation.replay.play import Listener
from fishy_ros.evaluation.sources.source import PlayFrame
from fishy_ros.node.discovery import PATIENCE_S, discovery_problem
from fishy_ros.node.ros_start import init_ros
from fishy_ros.topics import camera_info_topic
from fishy_ros.types import LabelMap

_MESSAGE_CLASSES = {IMAGE_TYPE: Image, COMPRESSED_IMAGE_TYPE: CompressedImage}
_POLL_S = 0.02
ANSWER_S = 60.0
"""How long the lifecycle of a node is waited for."""
CONNECT_S = 30.0
"""How long publishers and subscribers are waited for."""
STATUS_S = 2.5
"""How long the next diagnostics are waited for; a node sends them once a second."""


@dataclass(frozen=True)
class NodeAddress:
    """Where a detector node is found on the bus."""

    node: str = "/detector"
    """Fully qualified name of the node."""
    image_topic: str = "/camera/image_raw"
    """The topic of raw images it subscribes to; compressed ones lie under `<image_topic>/compressed`."""
    domain_id: int | None = None
    """DDS domain; None takes `ROS_DOMAIN_ID`."""


class ReplayPlayer(Closing):
    """A connection to a detector node, a `NodeChannel` of `fishy_ros.evaluation.replay.play`.

    Everything that arrives is handed to the current listener on a thread of its own.
    """

    def __init__(self, address: NodeAddress, message_type: str) -> None:
        """Join the bus and prepare to publish images of `message_type`.

        Raises:
            ConfigError: ROS does not start, or does not accept a name.
        """
        self._address = address
        self._listener: Listener | None = None
        self._context = Context()
        init_ros((), self._context, address.domain_id)
        self._node = Node("fishy_replay", context=self._context, start_parameter_services=False)
        is_raw = message_type == IMAGE_TYPE
        self._images = self._node.create_publisher(
            _MESSAGE_CLASSES[message_type],
            address.image_topic if is_raw else f"{address.image_topic}/compressed",
            QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE),
        )
        self._calibrations = self._node.create_publisher(CameraInfo, camera_info_topic(address.image_topic), 5)
        self._change_state = self._node.create_client(ChangeState, f"{address.node}/change_state")
        self._question = StateQuestion(self._node, address.node)
        self._status: Mapping[str, str] = {}
        self._status_count = 0
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="replay_player", daemon=True)
        self._thread.start()

    def start_node(self, check: Callable[[], None]) -> None:
        """Configure and activate the node.

        `check` is called while waiting and raises when the node is gone.

        Raises:
            ReplayError: the node cannot be reached, is not alone with its name, or refuses a transition.
        """
        self._wait(
            self._change_state.service_is_ready, check, ANSWER_S, f"the lifecycle services of {self._address.node}"
        )
        namesakes = [f"{space.rstrip('/')}/{name}" for name, space in self._node.get_node_names_and_namespaces()]
        if namesakes.count(self._address.node) > 1:
            raise ReplayError(
                f"there are {namesakes.count(self._address.node)} nodes {self._address.node} in the domain"
            )
        self._wait(self._is_known, check, ANSWER_S, f"an answer of {self._address.node}")
        self._transition("configure", Transition.TRANSITION_CONFIGURE, check)
        self.activate_node(check)

    def activate_node(self, check: Callable[[], None]) -> None:
        """Activate a configured node and wait until it listens to the camera.

        Raises:
            ReplayError: the node refuses, or cannot be reached.
        """
        self._transition("activate", Transition.TRANSITION_ACTIVATE, check)
        self._wait(self._is_heard, check, ANSWER_S, f"a subscriber to {self._images.topic_name}")

    def deactivate_node(self, check: Callable[[], None]) -> None:
        """Deactivate the node and wait until it no longer listens.

        Raises:
            ReplayError: the node refuses, or cannot be reached.
        """
        self._transition("deactivate", Transition.TRANSITION_DEACTIVATE, check)
        self._wait(
            lambda: not self._is_heard(),
            check,
            ANSWER_S,
            f"{self._address.node} to unsubscribe from {self._images.topic_name}",
        )

    def connect(self, check: Callable[[], None], timeout_s: float = CONNECT_S) -> None:
        """Wait until the node is active and every topic is matched; then subscribe to what it publishes.

        Raises:
            ReplayError: something is still missing after `timeout_s`; it is named.
        """
        heatmap, latency = f"{self._address.node}/heatmap", f"{self._address.node}/latency"
        self._wait(lambda: self._count_publishers(heatmap) > 0, check, timeout_s, f"a publisher of {heatmap}")
        heatmaps = self._node.create_subscription(Image, heatmap, self._on_heatmap, self._matching_qos(heatmap))
        self._node.create_subscription(DiagnosticArray, latency, self._on_latency, self._matching_qos(latency))
        self._wait(self._is_heard, check, timeout_s, f"a subscriber to {self._images.topic_name}")
        self._wait(lambda: _is_matched(heatmaps), check, timeout_s, f"a connection to {heatmap}")
        if self._question.has_service:
            self._wait(self._is_active, check, timeout_s, f"{self._address.node} to be active")

    def listen(self, listener: Listener) -> None:
        """Hand everything that arrives from now on to `listener`."""
        self._listener = listener

    def hear_classes(self, note: Callable[[int, LabelMap], object], check: Callable[[], None]) -> None:
        """Hand every segmentation that arrives to `note`, with its stamp; to be called once, after `connect`.

        Raises:
            ReplayError: nobody publishes one.
        """
        topic = f"{self._address.node}/segmentation"

        def take(message: Image) -> None:
            try:
                note(stamp_of(message), classes_of(message))
            except ImageError as error:
                if self._listener is not None:
                    self._listener.note_unreadable(str(error))

        self._wait(lambda: self._count_publishers(topic) > 0, check, CONNECT_S, f"a publisher of {topic}")
        subscription = self._node.create_subscription(Image, topic, take, self._matching_qos(topic))
        self._wait(lambda: _is_matched(subscription), check, CONNECT_S, f"a connection to {topic}")

    def publish(self, frame: PlayFrame, stamp_ns: int) -> None:
        """Publish the image of `frame`, after its calibration if it has one, with `stamp_ns` in their headers."""
        if frame.camera_info is not None:
            self._calibrations.publish(with_stamp(frame.camera_info, stamp_ns))
        self._images.publish(with_stamp(frame.message, stamp_ns))

    def node_status(self) -> Mapping[str, str]:
        """Wait for what the node says next of itself on `/diagnostics`; empty when it says nothing for `STATUS_S`."""
        before, deadline = self._status_count, time.monotonic() + STATUS_S
        while self._status_count == before:
            if time.monotonic() > deadline:
                return {}
            time.sleep(_POLL_S)
        return self._status

    @contextmanager
    def fan_out(self, count: int) -> Iterator[None]:
        """Subscribe `count` times more to every image that the node publishes, while the context is open.

        The subscribers belong to a node that nobody spins: destroying them under the executor would end its thread.
        """
        node = Node("fishy_fan_out", context=self._context, start_parameter_services=False)
        topics = [f"{self._address.node}/{name}" for name in ("heatmap", "overlay", "segmentation")]
        try:
            for topic in topics * count:
                node.create_subscription(Image, topic, lambda message: None, 10)
            yield
        finally:
            node.destroy_node()

    def close(self) -> None:
        """Leave the bus."""
        self._context.try_shutdown()
        self._thread.join(5.0)
        self._executor.shutdown()
        self._node.destroy_node()

    def _spin(self) -> None:
        while self._context.ok():
            try:
                self._executor.spin()
            except ExternalShutdownException:
                return
            except Exception as error:  # one message must not end the thread that hears all others
                if self._listener is not None:
                    self._listener.note_unreadable(describe_error(error))

    def _on_heatmap(self, message: Image) -> None:
        if self._listener is None:
            return
        try:
            score = score_of(message)
        except ImageError as error:
            self._listener.note_unreadable(str(error))
        else:
            self._listener.note_heatmap(stamp_of(message), score)

    def _on_latency(self, message: DiagnosticArray) -> None:
        if self._listener is not None:
            self._listener.note_latency(stamp_of(message), stages_of(message))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f"{self._address.node}: detector":
                self._status = {"message": status.message, **{pair.key: pair.value for pair in status.values}}
                self._status_count += 1

    def _count_publishers(self, topic: str) -> int:
        return int(self._node.count_publishers(topic))

    def _matching_qos(self, topic: str) -> QoSProfile:
        publishers = self._node.get_publishers_info_by_topic(topic)
        is_reliable = all(p.qos_profile.reliability == ReliabilityPolicy.RELIABLE for p in publishers)
        reliability = ReliabilityPolicy.RELIABLE if is_reliable else ReliabilityPolicy.BEST_EFFORT
        return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=20, reliability=reliability)

    def _is_heard(self) -> bool:
        return bool(self._images.get_subscription_count() > 0)

    def _transition(self, name: str, transition: int, check: Callable[[], None]) -> None:
        request = ChangeState.Request(transition=Transition(id=transition))
        future = self._change_state.call_async(request)
        self._wait(future.done, check, ANSWER_S, f"the node to {name}")
        if not future.result().success:
            raise ReplayError(f"the detector node could not {name}")

    def _is_known(self) -> bool:
        return self._question.poll() is not None

    def _is_active(self) -> bool:
        return bool(self._question.poll() == State.PRIMARY_STATE_ACTIVE)

    def _wait(self, is_done: Callable[[], bool], check: Callable[[], None], timeout_s: float, what: str) -> None:
        started = time.monotonic()
        deadline = started + timeout_s
        while not is_done():
            check()
            problem = discovery_problem(self._node, time.monotonic() - started)
            if problem:
                raise ReplayError(f"timed out after {PATIENCE_S:g} s waiting for {what}: {problem}")
            if time.monotonic() > deadline:
                node, domain = self._address.node, self._context.get_domain_id()
                raise ReplayError(
                    f"timed out after {timeout_s:g} s waiting for {what}; is {node} running in ROS_DOMAIN_ID {domain}?"
                )
            time.sleep(_POLL_S)


def _is_matched(subscription: Any) -> bool:
    count = getattr(subscription, "get_publisher_count", None)
    return count is None or count() > 0
