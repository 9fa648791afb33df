"""Record what a node hears and publishes as an MCAP bag that Foxglove, Rerun and rosbag2 open."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_types_from_msg

from fishy_ros.bags.messages import typestore
from fishy_ros.bags.writer import METADATA_VERSION
from fishy_ros.errors import BagError
from fishy_ros.node.ros_start import init_ros

OUTPUTS: tuple[str, ...] = (
    *("heatmap", "mask", "detections", "markers", "obstacles", "overlay/compressed", "segmentation", "camera_info"),
    *("latency", "latency_ms", "threshold", "label_info"),
)
"""Topics of the node, under its name."""

OF_VISION_MSGS: frozenset[str] = frozenset({"detections", "label_info"})
"""Those that exist only where vision_msgs is installed."""
LATCHED: frozenset[str] = frozenset({"threshold", "label_info"})
WAIT_S: float = 8.0
"""For so long topics of the node are waited for."""
QUIET_S: float = 0.3
"""Without a message for so long, nothing is under way any more."""
DRAIN_S: float = 3.0
"""For no longer than this is waited for the last messages; `/diagnostics` goes on for ever."""


class TopicRecorder:
    """Subscribe to topics in serialised form and write every message with the time of its arrival."""

    def __init__(self, path: Path, node: str, others: tuple[str, ...], domain_id: int | None) -> None:
        """Record the topics of `node` and `others`, as far as they are published, into the folder or file `path`.

        A path that ends in `.mcap` becomes one file, any other a bag folder.

        Raises:
            BagError: there is something at `path` already.
        """
        if path.exists():
            raise BagError(f"{path}: exists already, not overwriting it")
        self._path = path
        self._work = path.with_name(f".{path.name}.partial")
        self._types = typestore()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        if self._work.exists():  # left by a run that was killed
            shutil.rmtree(self._work)
        self._work.mkdir(parents=True)
        # Files of a bag are called by its folder.
        self._writer = Writer(self._work / path.name, version=METADATA_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self._work)
            undo.callback(self._writer.close)
            self._context = Context()
            init_ros((), self._context, domain_id)
            undo.callback(self._context.try_shutdown)
            self._node = Node("fishy_recorder", context=self._context, start_parameter_services=False)
            undo.callback(self._node.destroy_node)
            wanted = {f"{node}/{name}": name in LATCHED for name in _outputs()} | dict.fromkeys(others, False)
            self.left_out = self._subscribe(wanted)
            undo.pop_all()
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="recorder", daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """Messages so far."""
        return self._counts.total()

    @property
    def silent(self) -> tuple[str, ...]:
        """Topics that are subscribed to, and on which no message has come."""
        return tuple(topic for topic, count in self._counts.items() if not count)

    def close(self) -> None:
        """Wait for what is under way, stop, and put the bag in its place."""
        ends, before = time.monotonic() + DRAIN_S, -1
        while self.count != before and time.monotonic() < ends:
            before = self.count
            time.sleep(QUIET_S)
        self._context.try_shutdown()
        self._thread.join(5.0)
        self._executor.shutdown()
        self._node.destroy_node()
        with self._lock:
            self._writer.close()
        bag = self._work / self._path.name
        (next(bag.glob("*.mcap")) if self._path.suffix == ".mcap" else bag).replace(self._path)
        shutil.rmtree(self._work)

    def _subscribe(self, wanted: dict[str, bool]) -> tuple[str, ...]:
        """Subscribe to what is published; returns what is not, or is of a type that nobody can describe."""
        deadline = time.monotonic() + WAIT_S
        missing = dict(wanted)
        left_out = []
        while missing and time.monotonic() < deadline:
            for topic, kinds in self._node.get_topic_names_and_types():
                if topic in missing and self._node.count_publishers(topic):
                    is_latched = missing.pop(topic)
                    if not self._start(topic, kinds[0], is_latched):
                        left_out.append(topic)
            time.sleep(0.1)
        return (*left_out, *missing)

    def _start(self, topic: str, kind: str, is_latched: bool) -> bool:
        if kind not in self._types.types and not self._learn(kind):
            return False
        connection = self._writer.add_connection(topic, kind, typestore=self._types)
        durability = DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=50,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=durability,
        )
        self._counts[topic] = 0
        write = self._writer_of(topic, connection)
        self._node.create_subscription(_message_class(kind), topic, write, qos, raw=True)
        return True

    def _writer_of(self, topic: str, connection: Any) -> Callable[[bytes], None]:
        def write(message: bytes) -> None:
            with self._lock:
                self._writer.write(connection, time.time_ns(), message)
                self._counts[topic] += 1

        return write

    def _learn(self, kind: str) -> bool:
        """Read the definitions of the package that `kind` is of, as it is installed."""
        from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

        package = kind.split("/")[0]
        try:
            folder = Path(get_package_share_directory(package), "msg")
        except PackageNotFoundError:
            return False
        found: dict[str, Any] = {}
        for file in sorted(folder.glob("*.msg")):
            found |= get_types_from_msg(file.read_text(encoding="utf-8"), f"{package}/msg/{file.stem}")
        self._types.register({name: types for name, types in found.items() if name not in self._types.types})
        return kind in self._types.types

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()


def _outputs() -> tuple[str, ...]:
    """Return the topics of a node that can be recorded here."""
    has_vision = importlib.util.find_spec("vision_msgs") is not None
    return tuple(name for name in OUTPUTS if has_vision or name not in OF_VISION_MSGS)


def _message_class(kind: str) -> Any:
    """Return the class of messages of a type such as `sensor_msgs/msg/Image`."""
    package, _, name = kind.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


@contextmanager
def recording(
    path: Path | None, node: str, others: tuple[str, ...], domain_id: int | None
) -> Iterator[TopicRecorder | None]:
    """Record while the context is open; nothing where there is no path."""
    if path is None:
        yield None
        return
    recorder = TopicRecorder(path, node, others, domain_id)
    try:
        yield recorder
    finally:
        recorder.close()
