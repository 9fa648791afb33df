"""Which calibration belongs to an image."""

from __future__ import annotations

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from fishy_ros.node.conversions import FrameHeader
from fishy_ros.topics import camera_info_topic

CAMERA_INFO = "camera_info"


def calibration_topic(node: Node, image_topic: str) -> str:
    """Return where the calibration is listened for: beside the images, unless `camera_info` is remapped itself.

    A camera publishes both in one namespace, so a remapped image topic takes the calibration with it.
    """
    if node.resolve_topic_name(CAMERA_INFO) != node.resolve_topic_name(CAMERA_INFO, only_expand=True):
        return CAMERA_INFO
    return camera_info_topic(node.resolve_topic_name(image_topic))


class CalibrationCheck:
    """Compares each calibration with the image that it is to describe."""

    def __init__(self) -> None:
        self._problem = ""

    @property
    def problem(self) -> str:
        """Why the calibration of the last image is not used; empty if it is, or if there is none."""
        return self._problem

    def fits(self, info: CameraInfo, header: FrameHeader, height: int, width: int) -> bool:
        """Tell whether a calibration belongs to an image of `height` x `width` px, and remember why not.

        Its size counts after its region of interest and binning. Where one of both states no frame_id, that of the
        other is not compared.
        """
        sizes = image_sizes(info)
        if (height, width) not in sizes:
            expected = f"{sizes[0][1]}x{sizes[0][0]}"
            self._problem = f"camera_info is not used: it is for images of {expected}, these are {width}x{height}"
        elif not _is_same_frame(info.header.frame_id, header.frame_id):
            frames = f"{info.header.frame_id[:60]!r}, the images have {header.frame_id[:60]!r}"
            self._problem = f"camera_info is not used: its frame_id is {frames}"
        else:
            self._problem = ""
        return not self._problem


def image_sizes(info: CameraInfo) -> tuple[tuple[int, int], ...]:
    """Return the sizes, height and width in px, that images of a calibration may have; rounded down and up.

    The region of interest is given in pixels of the full resolution, then every `binning_x` times `binning_y` of them
    become one (0 stands for 1).
    """
    has_region = info.roi.height > 0 and info.roi.width > 0
    height, width = (info.roi.height, info.roi.width) if has_region else (info.height, info.width)
    down, across = max(1, info.binning_y), max(1, info.binning_x)
    down_sizes, across_sizes = {height // down, -(-height // down)}, {width // across, -(-width // across)}
    return tuple(sorted((rows, columns) for rows in down_sizes for columns in across_sizes))


def _is_same_frame(one: str, other: str) -> bool:
    return not one or not other or one.lstrip("/") == other.lstrip("/")
