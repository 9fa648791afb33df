"""The node that one writes first, to be measured against: everything in the callback, every conversion a copy.

Images are converted as `cv_bridge` does it (through the message's array, copied to the wanted encoding; back through
`tobytes`), with rclpy's default quality of service and whatever DDS profile the environment has. Model and runtime are
those of the real node. It speaks enough of the real node's topics to be measured by the same harness.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.utilities import remove_ros_args, try_shutdown
from sensor_msgs.msg import Image

from fishy_ros.model_package import load_model_package
from fishy_ros.node.compat import with_info
from fishy_ros.node.conversions import FrameHeader, latency_message
from fishy_ros.node.ros_start import init_ros
from fishy_ros.node.stamps import age_of, time_in_middleware_ms
from fishy_ros.runtimes import Runtime, create_runtime
from fishy_ros.types import ImageArray, ScoreMap


class BaselineDetector(Node):
    """Subscribe, convert, resize, infer, convert and publish, one after the other."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__("detector")
        self._runtime = runtime
        self._heatmaps = self.create_publisher(Image, "~/heatmap", 10)
        self._latencies = self.create_publisher(DiagnosticArray, "~/latency", 10)
        self.create_subscription(Image, "image", with_info(self._on_image), 10)

    def _on_image(self, message: Image, info: Mapping[str, int]) -> None:
        receive_ms = time_in_middleware_ms(info)
        started = time.perf_counter()
        image = cv2.cvtColor(_to_array(message), cv2.COLOR_BGR2RGB)
        converted = time.perf_counter()
        height, width = self._runtime.input_buffer.shape[:2]
        resized = cv2.cvtColor(cv2.resize(image, (width, height)), cv2.COLOR_RGB2BGR)
        self._runtime.input_buffer[:] = resized
        prepared = time.perf_counter()
        score = self._runtime.run().score.copy()
        inferred = time.perf_counter()
        self._heatmaps.publish(_to_message(score, message))
        published = time.perf_counter()
        header = FrameHeader(message.header.stamp.sec, message.header.stamp.nanosec, message.header.frame_id)
        age = age_of(header.stamp_ns, self.get_clock().now().nanoseconds)
        stages = {
            "receive": receive_ms,
            "decode": (converted - started) * 1e3,
            "resize": (prepared - converted) * 1e3,
            "inference": (inferred - prepared) * 1e3,
            "publish": (published - inferred) * 1e3,
        }
        self._latencies.publish(latency_message(header, "baseline detector", stages, age))


def _to_array(message: Image) -> ImageArray:
    return np.frombuffer(bytes(message.data), np.uint8).reshape(message.height, message.width, 3)


def _to_message(score: ScoreMap, source: Image) -> Image:
    message = Image(header=source.header, height=score.shape[0], width=score.shape[1], encoding="32FC1")
    message.data = score.tobytes()
    message.step = len(message.data) // message.height
    return message


def main() -> None:
    """Run the node until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="fp32")
    options = parser.parse_args(remove_ros_args(sys.argv)[1:])
    package = load_model_package(options.model)
    init_ros(sys.argv)
    node = BaselineDetector(create_runtime(options.runtime, package, options.device, options.precision))
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        try_shutdown()


if __name__ == "__main__":
    main()
