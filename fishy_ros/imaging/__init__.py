"""Pixels in and pictures out: camera encodings, compressed images, heatmap sizes, overlays."""

from fishy_ros.imaging.compressed import compressed_size, decode_compressed
from fishy_ros.imaging.compressed_format import CHANNEL_ORDERS, ChannelOrder, CompressedFormat, parse_format
from fishy_ros.imaging.depth import to_depth
from fishy_ros.imaging.encodings import DEPTH_ENCODINGS, ENCODINGS, to_bgr
from fishy_ros.imaging.fit import FITS, Fit, Placement, as_fit, place, resize_into
from fishy_ros.imaging.limits import MAX_PIXELS, check_size
from fishy_ros.imaging.picture_files import MAX_PICTURE_BYTES, decode_picture
from fishy_ros.imaging.pictures import COLOR_MAPS, colorize, render_overlay, render_segmentation
from fishy_ros.imaging.resize import resize_classes, resize_score
from fishy_ros.imaging.stored_samples import decode_samples

__all__ = [
    "CHANNEL_ORDERS",
    "COLOR_MAPS",
    "DEPTH_ENCODINGS",
    "ENCODINGS",
    "FITS",
    "MAX_PICTURE_BYTES",
    "MAX_PIXELS",
    "ChannelOrder",
    "CompressedFormat",
    "Fit",
    "Placement",
    "as_fit",
    "check_size",
    "colorize",
    "compressed_size",
    "decode_compressed",
    "decode_picture",
    "decode_samples",
    "parse_format",
    "place",
    "render_overlay",
    "render_segmentation",
    "resize_classes",
    "resize_into",
    "resize_score",
    "to_bgr",
    "to_depth",
]
