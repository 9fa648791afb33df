"""Pixels in and pictures out: camera encodings, compressed images, heatmap sizes, overlays."""

from fishy_ros.imaging.compressed import compressed_size, decode_compressed
from fishy_ros.imaging.encodings import ENCODINGS, to_bgr
from fishy_ros.imaging.limits import MAX_PIXELS, check_size
from fishy_ros.imaging.picture_files import MAX_PICTURE_BYTES, decode_picture
from fishy_ros.imaging.pictures import COLOR_MAPS, colorize, render_overlay, render_segmentation
from fishy_ros.imaging.resize import resize_classes, resize_score

__all__ = [
    "COLOR_MAPS",
    "ENCODINGS",
    "MAX_PICTURE_BYTES",
    "MAX_PIXELS",
    "check_size",
    "colorize",
    "compressed_size",
    "decode_compressed",
    "decode_picture",
    "render_overlay",
    "render_segmentation",
    "resize_classes",
    "resize_score",
    "to_bgr",
]
