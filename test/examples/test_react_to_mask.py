"""The example node stops for what the mask shows ahead, and for silence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from support.sources import ROOT, load_script

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: the example node cannot run")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Bool  # noqa: E402

from fishy_ros.evaluation.replay.domain import private_domain  # noqa: E402

pytestmark = pytest.mark.live

ROAD = np.zeros((60, 90), np.uint8)


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load_script(ROOT / "examples" / "react_to_mask.py")


class Bench:
    """The example node, a detector that sends masks and a brake that listens, on one executor."""

    def __init__(self, example: ModuleType) -> None:
        self._domain = private_domain()
        rclpy.init(domain_id=self._domain.__enter__())
        self.executor = SingleThreadedExecutor()
        self.node = example.ReactToMask()
        self.peer = rclpy.create_node("peer")
        self.masks = self.peer.create_publisher(Image, "mask", 1)
        self.stops: list[bool] = []
        self.peer.create_subscription(Bool, "stop", lambda message: self.stops.append(message.data), 10)
        for node in (self.node, self.peer):
            self.executor.add_node(node)

    def send(self, mask: NDArray[np.uint8], age_s: float = 0.0, padding: int = 0) -> None:
        now = self.peer.get_clock().now().nanoseconds - int(age_s * 1e9)
        padded = np.pad(mask, ((0, 0), (0, padding)), constant_values=255)
        message = Image(height=mask.shape[0], width=mask.shape[1], encoding="mono8", step=padded.shape[1])
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(now, 10**9)
        message.data.frombytes(padded.tobytes())
        self.masks.publish(message)

    def waits_for(self, stop: bool, send: Callable[[], None] = lambda: None) -> bool:
        """Repeat `send` until the newest message says `stop`; false after 10 s."""
        end = time.monotonic() + 10.0
        while time.monotonic() < end:
            send()
            self.executor.spin_once(timeout_sec=0.05)
            if self.stops and self.stops[-1] is stop:
                return True
        return False

    def close(self) -> None:
        self.node.destroy_node()
        self.peer.destroy_node()
        rclpy.try_shutdown()
        self._domain.__exit__(None, None, None)


@pytest.fixture
def bench(example: ModuleType) -> Iterator[Bench]:
    bench = Bench(example)
    yield bench
    bench.close()


def test_it_goes_on_a_clear_road_and_stops_for_something_ahead_or_for_silence(bench: Bench) -> None:
    assert bench.waits_for(True), "nothing is known yet"
    assert bench.waits_for(False, lambda: bench.send(ROAD))
    ahead = ROAD.copy()
    ahead[40:44, 40:44] = 255
    assert bench.waits_for(True, lambda: bench.send(ahead))
    beside = ROAD.copy()
    beside[:20] = beside[:, :25] = 255
    assert bench.waits_for(False, lambda: bench.send(beside, padding=3))
    assert bench.waits_for(True), "the detector has gone silent"


def test_an_old_mask_is_no_clear_road(bench: Bench) -> None:
    assert bench.waits_for(False, lambda: bench.send(ROAD))
    assert bench.waits_for(True, lambda: bench.send(ROAD, age_s=2.0))
    bench.stops.clear()
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        bench.send(ROAD, age_s=2.0)
        bench.executor.spin_once(timeout_sec=0.05)
    assert bench.stops
    assert all(bench.stops)
