"""What the ROS-free layers log reaches the node's log, at its own severity, and only while the bridge stands."""

import logging

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from rclpy.logging import get_logger

from fishy_ros.node.logs import LogBridge

ENGINE = logging.getLogger("fishy_ros.runtimes.tensorrt_engine")


def test_records_arrive_with_their_severity(capfd: pytest.CaptureFixture[str]) -> None:
    bridge = LogBridge(get_logger("detector"))
    ENGINE.info("building the engine of %s, about %d minutes", "tiny", 3)
    ENGINE.warning("the cached engine is refused")
    ENGINE.error("no memory")
    ENGINE.debug("a thousand tactics")
    bridge.close()
    captured = capfd.readouterr()
    lines = [line for line in (captured.out + captured.err).splitlines() if "[detector]" in line]
    assert [line.split("]")[0] for line in lines] == ["[INFO", "[WARN", "[ERROR"]
    assert "building the engine of tiny, about 3 minutes" in lines[0]


def test_a_closed_bridge_is_silent_and_leaves_logging_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    source = logging.getLogger("fishy_ros")
    before = (source.level, source.propagate, list(source.handlers))
    LogBridge(get_logger("detector")).close()
    ENGINE.info("nobody hears this")
    assert (source.level, source.propagate, list(source.handlers)) == before
    assert "nobody hears this" not in "".join(capfd.readouterr())


def test_the_node_says_in_its_log_which_runtime_it_took_and_why(start_detector) -> None:
    bench = start_detector()
    bench.wait_until_connected()
    assert "onnxruntime on cpu chosen: asked for" in bench.log()
