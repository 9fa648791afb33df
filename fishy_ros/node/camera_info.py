"""Camera calibration for an image that was resized."""

from __future__ import annotations

from copy import deepcopy

from sensor_msgs.msg import CameraInfo

from fishy_ros.node.image_messages import FrameHeader


def scale_camera_info(info: CameraInfo, header: FrameHeader, scale_y: float, scale_x: float) -> CameraInfo:
    """Return the calibration of an image resized by `scale_y`, `scale_x`, with the header of that image.

    Pixel centres lie at whole coordinates and the outer edges of both images coincide, as in OpenCV's
    resize: u' = (u + 1/2) s - 1/2. Distortion and rotation do not change; the ROI is rounded to pixels.
    """
    scaled = deepcopy(info)
    scaled.header = header.message()
    scaled.height = round(info.height * scale_y)
    scaled.width = round(info.width * scale_x)
    if info.k[0] != 0.0:  # 0 marks a camera that is not calibrated
        scaled.k[0] *= scale_x
        scaled.k[1] *= scale_x
        scaled.k[2] = (info.k[2] + 0.5) * scale_x - 0.5
        scaled.k[4] *= scale_y
        scaled.k[5] = (info.k[5] + 0.5) * scale_y - 0.5
    if info.p[0] != 0.0:
        scaled.p[0] *= scale_x
        scaled.p[1] *= scale_x
        scaled.p[2] = (info.p[2] + 0.5) * scale_x - 0.5
        scaled.p[3] *= scale_x
        scaled.p[5] *= scale_y
        scaled.p[6] = (info.p[6] + 0.5) * scale_y - 0.5
        scaled.p[7] *= scale_y
    scaled.roi.x_offset = round(info.roi.x_offset * scale_x)
    scaled.roi.y_offset = round(info.roi.y_offset * scale_y)
    scaled.roi.width = round(info.roi.width * scale_x)
    scaled.roi.height = round(info.roi.height * scale_y)
    return scaled


class CalibrationCheck:
    """Compares each calibration with the image that it is to describe."""

    def __init__(self) -> None:
        self._problem = ""

    @property
    def problem(self) -> str:
        """Why the calibration of the last image is not published; empty if it is, or if there is none."""
        return self._problem

    def fits(self, info: CameraInfo, header: FrameHeader, height: int, width: int) -> bool:
        """Tell whether a calibration belongs to an image of `height` x `width` px, and remember why not.

        Its size counts after its region of interest and binning. Where one of both states no frame_id, that of the
        other is not compared.
        """
        sizes = image_sizes(info)
        if (height, width) not in sizes:
            expected = f"{sizes[0][1]}x{sizes[0][0]}"
            self._problem = f"camera_info is not published: it is for images of {expected}, these are {width}x{height}"
        elif not _is_same_frame(info.header.frame_id, header.frame_id):
            frames = f"{info.header.frame_id[:60]!r}, the images have {header.frame_id[:60]!r}"
            self._problem = f"camera_info is not published: its frame_id is {frames}"
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
