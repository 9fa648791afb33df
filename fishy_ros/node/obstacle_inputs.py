"""What helps to place regions, where the node is told to listen to it: depth, odometry, tf."""

from __future__ import annotations

import math
import time
from collections import deque

import numpy as np
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from fishy_ros.errors import ImageError
from fishy_ros.node.camera_geometry import GroundTransforms
from fishy_ros.node.conversions import FrameHeader, RawImage
from fishy_ros.node.parameters import DetectorParameters
from fishy_ros.node.stamps import UNSTAMPED_NS

DEPTH_TOLERANCE_S: float = 0.05
"""A depth image belongs to an image whose stamp differs by no more than this."""

ASPECT_TOLERANCE: float = 0.02
"""The sides of a depth image have the proportion of its image within this share."""

KEPT_S: float = 1.0
"""Depth images wait so long for their image, by their stamps: the network takes longer than the depth camera."""

QUEUE: int = 5
"""Messages that wait for the executor."""

SPEED_AGE_S: float = 1.0
"""A speed that is older than this is not known any more."""


class ObstacleInputs:
    """Keep the newest depth images and the newest speed; the executor's thread brings them, the worker reads them.

    Raises:
        ConfigError: a ground frame is asked for and tf2_ros is not installed.
    """

    def __init__(self, node: LifecycleNode, parameters: DetectorParameters) -> None:
        """Subscribe to what the parameters ask for."""
        self._node = node
        self._depths: deque[tuple[int, RawImage]] = deque()
        self._unreadable = ""
        self._speed = (0.0, -math.inf)
        self._subscriptions: list[Subscription] = []
        self.transforms: GroundTransforms | None = None
        """The ground by tf, where a frame for it was given."""
        if parameters.ground_frame:
            self.transforms = GroundTransforms(node, parameters.ground_frame)
        newest = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=QUEUE, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.uses_depth = parameters.use_depth
        """Whether depth is listened to."""
        if parameters.use_depth:
            self._subscriptions.append(node.create_subscription(Image, "depth", self._on_depth, newest, raw=True))
        if parameters.use_odometry:
            self._subscriptions.append(node.create_subscription(Odometry, "odom", self._on_odometry, newest))

    def depth_of(self, header: FrameHeader, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the depth image that belongs to an image of height and width `size`, float32 `[h, w]` in m.

        Raises:
            ImageError: it, or the last one that came, cannot be read, none that is known belongs to the image, or it
                is not registered to the camera.
        """
        stamp_ns = header.stamp_ns
        unreadable, self._unreadable = self._unreadable, ""
        if unreadable:
            raise ImageError(f"a depth image cannot be read: {unreadable}")
        depths = tuple(self._depths)
        if not depths:
            raise ImageError("no depth image has come")
        if stamp_ns == UNSTAMPED_NS:
            raise ImageError("the stamp of an image is 0, so its depth image cannot be told")
        stamp, depth = min(depths, key=lambda one: abs(one[0] - stamp_ns))
        apart_s = abs(stamp - stamp_ns) / 1e9
        if apart_s > DEPTH_TOLERANCE_S:
            limit = f"expected at most {DEPTH_TOLERANCE_S:g} s"
            raise ImageError(f"the nearest depth image is {apart_s:.3g} s apart from its image; {limit}")
        _check_registered(depth, header.frame_id, size)
        return depth.to_depth()

    def speed_m_s(self) -> float | None:
        """Return how fast the car drives ahead, in m/s; None where that is not known."""
        speed, noted_at = self._speed
        return speed if time.monotonic() - noted_at <= SPEED_AGE_S else None

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        if self.transforms is not None:
            self.transforms.close()

    def _on_depth(self, message: bytes) -> None:
        try:
            image = RawImage.deserialize(message)
        except ImageError as error:
            self._unreadable = str(error)
            return
        newest = image.header.stamp_ns
        if self._depths and newest <= self._depths[-1][0]:
            self._depths.clear()  # its clock went back, or it has none
        self._depths.append((newest, image))
        while newest - self._depths[0][0] > KEPT_S * 1e9:
            self._depths.popleft()

    def _on_odometry(self, message: Odometry) -> None:
        speed = float(message.twist.twist.linear.x)
        if math.isfinite(speed):
            self._speed = (speed, time.monotonic())


def _check_registered(depth: RawImage, frame_id: str, size: tuple[int, int]) -> None:
    """Raise `ImageError` where a depth image cannot show what the camera sees, pixel for pixel."""
    advice = "depth_topic must be registered to the camera, such as aligned_depth_to_color"
    if frame_id and depth.header.frame_id not in ("", frame_id):
        raise ImageError(f"the depth image is in frame {depth.header.frame_id!r}, its image in {frame_id!r}; {advice}")
    (rows, columns), (height, width) = depth.size(), size
    if abs(rows * width - columns * height) > ASPECT_TOLERANCE * columns * height:
        raise ImageError(f"the depth image is {columns}x{rows}, its image {width}x{height}: another shape; {advice}")
