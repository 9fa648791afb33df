"""From calibration, mounting and transforms to the geometry of a heatmap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo

from fishy_ros.errors import ConfigError
from fishy_ros.obstacles import Camera, GroundPlane, Intrinsics


@dataclass(frozen=True)
class GroundFrame:
    """The ground and, where it comes from tf, how to turn points of the camera into its frame."""

    plane: GroundPlane
    frame_id: str = ""
    """Frame of `rotation` and `translation`; empty where the mounting was given as numbers."""
    rotation: NDArray[np.float64] | None = None
    """float64 `[3, 3]`, from the optical frame."""
    translation: NDArray[np.float64] | None = None
    """float64 `[3]`, in m."""

    @property
    def ahead(self) -> tuple[float, float, float] | None:
        """Where x of the frame points to, in the optical frame: the way the car drives. None where it is not known."""
        if self.rotation is None:
            return None
        x, y, z = self.rotation[0].tolist()
        return x, y, z


def heatmap_camera(info: CameraInfo, rows: int, columns: int, is_rectified: bool) -> Camera:
    """Return the camera of a heatmap of `rows` x `columns` px that covers the whole image.

    A rectified image goes by the matrix P and has no distortion; others by K and D. Binning and the region of
    interest are taken out as `sensor_msgs/CameraInfo` defines them.

    Raises:
        ConfigError: the camera is not calibrated, or its distortion model is not known.
    """
    if is_rectified and info.p[0] > 0:
        fx, fy, cx, cy = info.p[0], info.p[5], info.p[2], info.p[6]
        model, distortion = "", tuple[float, ...]()
    else:
        fx, fy, cx, cy = info.k[0], info.k[4], info.k[2], info.k[5]
        model, distortion = info.distortion_model, tuple(map(float, info.d))
    width = info.roi.width or info.width
    height = info.roi.height or info.height
    if width <= 0 or height <= 0:
        raise ConfigError(f"camera_info describes an image of {width}x{height} px")
    # Both count pixel centres as whole numbers; the outer edges of image and heatmap coincide.
    scale_x, scale_y = columns / width, rows / height
    intrinsics = Intrinsics(
        fx * scale_x,
        fy * scale_y,
        (cx - info.roi.x_offset + 0.5) * scale_x - 0.5,
        (cy - info.roi.y_offset + 0.5) * scale_y - 0.5,
        model,
        distortion,
    )
    return Camera(intrinsics, columns, rows)


class GroundTransforms:
    """Finds the ground as the plane z = 0 of a frame, by tf.

    Raises:
        ConfigError: tf2_ros is not installed.
    """

    def __init__(self, node: Node, frame_id: str) -> None:
        """Listen to tf; `frame_id` is a frame on the ground, with z up, such as base_footprint."""
        try:
            from tf2_ros import Buffer, TransformListener
        except ImportError:
            raise ConfigError(
                f"ground_frame is {frame_id!r}, but tf2_ros is not installed (ros-$ROS_DISTRO-tf2-ros-py); "
                "camera_height_m and camera_pitch_deg do without it"
            ) from None
        self._frame_id = frame_id
        self._buffer: Any = Buffer()
        self._listener: Any = TransformListener(self._buffer, node)

    def find(self, camera_frame: str, pitch_error_rad: float) -> GroundFrame:
        """Look up the newest transform from the camera, whose pitch is known to `pitch_error_rad`.

        Raises:
            ConfigError: there is none yet, or the camera is not above the ground.
        """
        try:
            transform = self._buffer.lookup_transform(self._frame_id, camera_frame, Time()).transform
        except Exception as error:  # tf2 raises half a dozen kinds
            raise ConfigError(f"no transform from {camera_frame!r} to {self._frame_id!r}: {error}") from error
        turn, move = transform.rotation, transform.translation
        rotation = rotation_matrix(turn.x, turn.y, turn.z, turn.w)
        translation = np.array([move.x, move.y, move.z])
        plane = GroundPlane.from_transform(rotation, translation, pitch_error_rad)
        return GroundFrame(plane, self._frame_id, rotation, translation)

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()


def rotation_matrix(x: float, y: float, z: float, w: float) -> NDArray[np.float64]:
    """Return the matrix of a unit quaternion, float64 `[3, 3]`.

    Raises:
        ConfigError: its length is 0.
    """
    length = float(np.sqrt(x * x + y * y + z * z + w * w))
    if not length > 0:
        raise ConfigError("a transform has a rotation of length 0")
    x, y, z, w = x / length, y / length, z / length, w / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
