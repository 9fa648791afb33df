"""React to the mask of the detector: publish `stop` while something strange lies ahead, or while nothing is known.

ros2 launch fishy_ros detector.launch.py image_topic:=/camera/image_raw
python examples/react_to_mask.py --ros-args -r mask:=/detector/mask

A silent detector is not a clear road. The node therefore stops, too, while the newest mask is older than
`max_age_s`, counted from the stamp of the image, and while the detector has not been heard at all.
"""

from __future__ import annotations

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Bool


class ReactToMask(Node):
    """Publish `stop` (`std_msgs/Bool`) ten times a second."""

    def __init__(self) -> None:
        super().__init__("react_to_mask")
        self.declare_parameter("max_age_s", 0.5)
        self.declare_parameter("max_share", 0.002)  # of the region ahead
        self._share = 1.0
        self._stamp: Time | None = None
        self._stop = self.create_publisher(Bool, "stop", 1)
        self.create_subscription(Image, "mask", self._on_mask, qos_profile_sensor_data)
        self.create_timer(0.1, self._decide)

    def _on_mask(self, message: Image) -> None:
        self._share = float(np.mean(region_ahead(read_mask(message)) != 0))
        self._stamp = Time.from_msg(message.header.stamp)

    def _decide(self) -> None:
        max_age_s = self.get_parameter("max_age_s").value
        known = self._stamp is not None and 0 <= self._age_s(self._stamp) <= max_age_s
        self._stop.publish(Bool(data=not known or self._share > self.get_parameter("max_share").value))

    def _age_s(self, stamp: Time) -> float:
        return float((self.get_clock().now() - stamp).nanoseconds) * 1e-9


def read_mask(message: Image) -> NDArray[np.uint8]:
    """Return the pixels of a mono8 message, uint8 `[h, w]`, without a copy; a row may be padded to `step` bytes."""
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    return rows[:, : message.width]


def region_ahead(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut out the middle third of the lower half, above the bonnet: roughly the own lane of a forward camera."""
    height, width = mask.shape
    return mask[height // 2 : height * 9 // 10, width // 3 : width * 2 // 3]


def main() -> None:
    """Run until interrupted."""
    rclpy.init()
    node = ReactToMask()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
