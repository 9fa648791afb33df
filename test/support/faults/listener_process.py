"""A reliable subscriber in a process of its own, to be stopped: `python -m support.faults.listener_process`."""

from __future__ import annotations

import rclpy
from sensor_msgs.msg import Image

from support.detector_bench import EVERYTHING


def main() -> None:
    """Listen to the heatmap and the overlay for as long as the process lives."""
    rclpy.init()
    node = rclpy.create_node("listener_process")
    for topic in ("heatmap", "overlay"):
        node.create_subscription(Image, f"/detector/{topic}", lambda message: None, EVERYTHING)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
