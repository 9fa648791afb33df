"""A camera in a process of its own, to be killed: `python -m support.faults.camera_process`."""

from __future__ import annotations

import time

import rclpy
from sensor_msgs.msg import Image

from support.detector_bench import CAMERA
from support.faults.camera import Camera, take_picture


def main() -> None:
    """Send a picture every 100 ms for as long as the process lives."""
    rclpy.init()
    node = rclpy.create_node("camera_process")
    publisher = node.create_publisher(Image, "image", CAMERA)
    camera = Camera()
    while rclpy.ok():
        message, _ = take_picture(camera, camera.clock())
        publisher.publish(message)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
