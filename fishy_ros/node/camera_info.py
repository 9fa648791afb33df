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
