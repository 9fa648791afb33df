"""Several cameras in one process: topics and diagnostics of their own, one engine, fair under load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from support.detector_bench import CAMERA, EVERYTHING, DetectorBench, header, image_message, node_command, values_of
from support.sources import python_path

from fishy_ros.errors import InferenceError
from fishy_ros.node import engine_opening, engine_pool
from fishy_ros.node.cameras import make_nodes, parse_arguments
from fishy_ros.node.conversions import RawImage
from fishy_ros.node.diagnostics import observe
from fishy_ros.node.inference_loop import InferenceLoop
from fishy_ros.node.subscriptions import Frame
from fishy_ros.node.supervisor import Action


def multi_command(*cameras: str, **parameters: object) -> list[str]:
    command = node_command(**parameters)
    at = command.index("--ros-args")
    return [*command[:at], "--cameras", *cameras, *command[at:]]


TOPICS = ("image", "image/compressed", "camera_info", "depth", "odom", "~/heatmap")


@contextmanager
def ros(arguments, domain):
    """Keep ROS initialised with these arguments."""
    rclpy.init(args=arguments, domain_id=domain)
    try:
        yield
    finally:
        rclpy.shutdown()


def topics_of(domain, namespace, *arguments):
    """Make the nodes in a process with a namespace of its own; returns the topics of each node by its full name."""
    with ros(["--ros-args", "-r", f"__ns:={namespace}"], domain):
        nodes = make_nodes(parse_arguments(["--cameras", "front", "rear", "--namespace", namespace, *arguments]))
        found = {node.get_fully_qualified_name(): [node.resolve_topic_name(one) for one in TOPICS] for node in nodes}
        for node in nodes:
            node.close()
    return found


def test_cameras_below_a_namespace_have_names_and_topics_of_their_own(domain):
    assert topics_of(domain, "/robot") == {
        f"/robot/{camera}/detector": [
            f"/robot/{camera}/image_raw",
            f"/robot/{camera}/image_raw/compressed",
            f"/robot/{camera}/camera_info",
            f"/robot/{camera}/aligned_depth_to_color/image_raw",
            "/robot/odom",
            f"/robot/{camera}/detector/heatmap",
        ]
        for camera in ("front", "rear")
    }


def test_topics_that_begin_with_a_slash_stay_where_they_are(domain):
    patterns = {
        "--image-topic": "/sensors/{camera}/image_color/compressed",
        "--depth-topic": "/sensors/{camera}/depth",
        "--odometry-topic": "/odom",
    }
    found = topics_of(domain, "/robot", *(part for pair in patterns.items() for part in pair))
    assert found["/robot/front/detector"] == [
        "/sensors/front/image_color",
        "/sensors/front/image_color/compressed",
        "/sensors/front/camera_info",
        "/sensors/front/depth",
        "/odom",
        "/robot/front/detector/heatmap",
    ]


def test_without_a_namespace_cameras_are_at_the_root(domain):
    found = topics_of(domain, "/", "--camera-info-topic", "calibration/{camera}")
    assert found["/rear/detector"] == [
        "/rear/image_raw",
        "/rear/image_raw/compressed",
        "/calibration/rear",
        "/rear/aligned_depth_to_color/image_raw",
        "/odom",
        "/rear/detector/heatmap",
    ]


@pytest.mark.alone
def test_two_cameras_share_a_process_fairly_under_load(domain, tmp_path, tiny_package):
    """One camera sends twice as many images as the other, both more than can be handled at full size."""
    quiet = {"drift_window_s": 0.0, "heatmap_size": "image"}
    command = multi_command("front", "rear", model=tiny_package.folder, runtime="onnxruntime", threads=1, **quiet)
    bench = DetectorBench(tmp_path / "detector.log", domain, command, "/front/detector", "/front/image_raw")
    try:
        rear = bench.node.create_publisher(Image, "/rear/image_raw", CAMERA)
        got = {"front": [], "rear": []}
        for camera, stamps in got.items():
            bench.node.create_subscription(
                Image, f"/{camera}/detector/heatmap", lambda m, s=stamps: s.append(m.header.frame_id), EVERYTHING
            )
        bench.wait_until_connected()
        bench.wait_until_connected(rear)
        image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
        ends, index = time.monotonic() + 4.0, 0
        while time.monotonic() < ends:
            index += 1
            bench.image.publish(image_message(image, header(index, "front_camera")))
            if index % 2:
                rear.publish(image_message(image, header(index, "rear_camera")))
            bench.spin_for(0.01)
        bench.spin_for(1.0)
        assert set(got["front"]) == {"front_camera"}
        assert set(got["rear"]) == {"rear_camera"}
        front, back = len(got["front"]), len(got["rear"])
        assert min(front, back) >= 5
        assert front <= 2.5 * back + 3, (front, back)
        assert back <= 2.5 * front + 3, (front, back)
        names = {status.name for status in bench.diagnostics}
        assert {"/front/detector: detector", "/rear/detector: detector"} <= names
        newest = {status.name: values_of(status) for status in bench.diagnostics}
        assert int(newest["/rear/detector: detector"]["frames_published"]) > 0
    finally:
        assert bench.close() == 0, bench.log()


class TwoCameras:
    """Active nodes of one process, which nobody spins; the engine that they share hangs until `released`."""

    def __init__(self, monkeypatch) -> None:
        self.front, self.rear = make_nodes(parse_arguments(["--cameras", "front", "rear"]))
        for node in (self.front, self.rear):
            node.trigger_configure()
            node.trigger_activate()
        self.entered = 0
        self.released = threading.Event()
        monkeypatch.setattr(self.front._shared.levels.current._used, "detect", self._hang)

    def _hang(self, image):
        self.entered += 1
        self.released.wait(30.0)
        raise InferenceError("released")

    def offer(self, node) -> None:
        """Let a node have an image."""
        image = RawImage.deserialize(serialize_message(image_message(np.zeros((64, 128, 3), np.uint8), header(0))))
        node._shared.loop._on_frame(Frame(image, 0.0, time.perf_counter(), None))

    def send(self, node) -> None:
        """Let a node have an image, and wait until its worker asked for a turn."""
        turns, before = node._shared.pool.turns, len(node._shared.pool.turns._waiting)
        self.offer(node)
        wait_until(lambda: len(turns._waiting) > before)


def wait_until(holds) -> None:
    ends = time.monotonic() + 10.0
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.fixture
def cameras(domain, tiny_package, monkeypatch):
    command = node_command(model=tiny_package.folder, runtime="onnxruntime", threads=1, drift_window_s=0.0)
    with ros(command[command.index("--ros-args") :], domain):
        cameras = TwoCameras(monkeypatch)
        yield cameras
        cameras.released.set()
        for node in (cameras.front, cameras.rear):
            node.close()


def test_the_turn_of_a_hanging_camera_ends_after_its_engine_is_abandoned(cameras, monkeypatch):
    cameras.send(cameras.front)
    wait_until(lambda: cameras.entered)
    cameras.send(cameras.rear)
    loop = cameras.front._shared.loop
    monkeypatch.setattr(loop._visualization, "_handle", lambda picture: time.sleep(0.5))
    loop._visualization.offer("a picture")
    wait_until(lambda: loop._visualization.busy_s)
    cameras.front._supervisor._abandon(loop)
    wait_until(lambda: cameras.entered > 1 or cameras.rear._shared.counters.totals().published)
    assert cameras.entered == 1, "the other camera has another engine"


@pytest.mark.parametrize("frames", [0, 1])
def test_a_camera_that_waits_for_a_hanging_one_stops_at_once(cameras, frames):
    cameras.send(cameras.front)
    wait_until(lambda: cameras.entered)
    for _ in range(frames):
        cameras.send(cameras.rear)
    worker, began = cameras.rear._shared.loop._worker, time.monotonic()
    cameras.rear.trigger_deactivate()
    assert time.monotonic() - began < 4.0
    assert not worker._thread.is_alive()
    assert not cameras.rear.has_hung


def test_an_engine_that_hangs_while_it_is_opened_again_is_an_error_of_its_camera_alone(cameras, monkeypatch):
    front, rear, opening = cameras.front, cameras.rear, threading.Event()

    def hang(*choice, is_cancelled):
        opening.set()
        cameras.released.wait(30.0)
        raise InferenceError("released")

    front._supervisor._abandon(front._shared.loop)
    front._supervisor.load()
    front._shared.loop = InferenceLoop(front._shared)
    with monkeypatch.context() as driver:
        driver.setattr(engine_pool, "AnomalyDetector", hang)
        cameras.send(front)
        wait_until(lambda: opening.is_set() and observe(front._shared).failures)
        (error,) = observe(front._shared).failures
        assert "the engine fp32 of tiny (runtime onnxruntime, device auto) is being opened for /front/detector" in error
        assert observe(rear._shared).failures == ()
        began = time.monotonic()
        rear.trigger_deactivate()
        assert time.monotonic() - began < 4.0
        assert front._shared.loop.busy_s == 0.0, "an engine may take longer to open than a frame"
    monkeypatch.setattr(engine_opening, "REOPENING_TIMEOUT_S", 0.2)
    wait_until(lambda: front._shared.loop.busy_s > 0.2)
    monkeypatch.setattr(front._supervisor._watchdog, "check", lambda *_: Action.RESTART)
    front._supervisor._watch()
    assert "is being opened for /front/detector" in front._shared.counters.totals().last_error
    cameras.offer(front)
    wait_until(lambda: front._shared.counters.totals().published)
    assert observe(front._shared).failures == ()


NODES_WHOSE_ENGINE_HANGS = """
import threading
from fishy_ros.node import engine_pool
from fishy_ros.node.process import main

def hang(*choice, is_cancelled):
    print("it hangs", flush=True)
    threading.Event().wait()

engine_pool.AnomalyDetector = hang
main()
"""


def test_a_signal_ends_cameras_whose_engine_hangs_while_it_is_opened(domain, tiny_package):
    command = multi_command("front", "rear", model=tiny_package.folder)
    command[2:4] = ["-c", NODES_WHOSE_ENGINE_HANGS]
    environment = {**os.environ, "PYTHONPATH": python_path(), "ROS_DOMAIN_ID": str(domain)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = ""
        while "it hangs" not in said:
            said += (line := process.stdout.readline())
            assert line, said
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
        said += process.stdout.read()
    assert "Traceback" not in said
    assert "[ERROR]" not in said


NODES_WHOSE_ENGINE_OF_TWO_THREADS_IS_OPENED_WITH_A_KEY = """
import os, sys, time
from fishy_ros.node import engine_pool
from fishy_ros.node.process import main

Detector = engine_pool.AnomalyDetector

def open_slowly(package, runtime, device, precision, threads, fit, is_cancelled):
    if threads == 2:
        print("it takes long", flush=True)
        while not os.path.exists(KEY) and not is_cancelled():
            time.sleep(0.01)
    return Detector(package, runtime, device, precision, threads, fit, is_cancelled=is_cancelled)

engine_pool.AnomalyDetector = open_slowly
main()
"""


def test_a_camera_that_is_configured_anew_holds_up_no_other(domain, tmp_path, tiny_package):
    key = tmp_path / "key"
    command = multi_command("front", "rear", model=tiny_package.folder, runtime="onnxruntime", threads=1)
    command[2:4] = ["-c", NODES_WHOSE_ENGINE_OF_TWO_THREADS_IS_OPENED_WITH_A_KEY.replace("KEY", repr(str(key)))]
    bench = DetectorBench(tmp_path / "detector.log", domain, command, "/rear/detector", "/front/image_raw")
    got: list[Image] = []
    try:
        bench.node.create_subscription(Image, "/front/detector/heatmap", got.append, EVERYTHING)
        bench.wait_until_connected()
        assert bench.change_state(Transition.TRANSITION_DEACTIVATE)
        assert bench.change_state(Transition.TRANSITION_CLEANUP)
        assert bench.set_parameter("threads", 2) == (True, "")
        client = bench.node.create_client(ChangeState, "/rear/detector/change_state")
        bench.spin_until(client.service_is_ready, "the service")
        bench.wait_until_known()
        request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
        configured = client.call_async(request)
        bench.spin_until(lambda: "it takes long" in bench.log(), "the engine to be opened")
        image = np.zeros((64, 128, 3), np.uint8)
        for index in range(5):
            bench.image.publish(image_message(image, header(index)))
            bench.spin_until(lambda: len(got) > index, "a heatmap of the other camera")  # noqa: B023
        assert not configured.done()
        key.touch()
        bench.spin_until(configured.done, "the engine to be open")
        assert configured.result().success
    finally:
        assert bench.close() == 0, bench.log()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("front", "front"), "a different name for each camera"),
        (("front,rear",), "'front,rear' is not a valid camera name"),
        (("front-left", "rear"), "'front-left' is not a valid camera name"),
        (("1front",), "'1front' is not a valid camera name"),
    ],
)
def test_names_that_cannot_be_those_of_cameras_are_refused(names, expected, domain):
    done = subprocess.run(
        [sys.executable, "-m", "fishy_ros.node.process", "--cameras", *names],
        env={**os.environ, "PYTHONPATH": python_path(), "ROS_DOMAIN_ID": str(domain)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert expected in line
