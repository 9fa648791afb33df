"""Image messages to arrays and back, with as few copies as there can be.

What comes in is read from its serialised form: to build a Python message first costs two more copies of
every image. What goes out is written into the message's own buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from fishy_ros.errors import ImageError
from fishy_ros.imaging import (
    DEPTH_ENCODINGS,
    ChannelOrder,
    compressed_size,
    decode_compressed,
    parse_format,
    to_bgr,
    to_depth,
)
from fishy_ros.node.cdr import CdrReader
from fishy_ros.types import ImageArray, LabelMap, ScoreMap

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class FrameHeader:
    """When and where an image was taken; every message made from the image carries both."""

    sec: int
    nanosec: int
    frame_id: str

    @property
    def stamp_ns(self) -> int:
        """The stamp in nanoseconds."""
        return self.sec * NANOSECONDS + self.nanosec

    def message(self) -> Header:
        """Build the header of a message."""
        return Header(stamp=Time(sec=self.sec, nanosec=self.nanosec), frame_id=self.frame_id)


class CameraImage(Protocol):
    """An image as a camera published it, not decoded yet."""

    @property
    def header(self) -> FrameHeader:
        """When and where the image was taken."""
        ...

    def size(self) -> tuple[int, int]:
        """Return the height and width that the camera took, in px.

        Raises:
            ImageError: the header of a compressed image is damaged.
        """
        ...

    @property
    def is_depth(self) -> bool:
        """Whether its encoding is one of those in which depth cameras publish distances (REP 118)."""
        ...

    def to_bgr(self, at_least: tuple[int, int] | None = None, channel_order: ChannelOrder = "auto") -> ImageArray:
        """Decode the pixels, uint8 `[H, W, 3]`; a smaller image where `at_least` rows and columns are enough.

        `channel_order` says whose word counts for the order of red and blue in a compressed image.

        Raises:
            ImageError: the image contradicts itself, or is damaged.
        """
        ...


@dataclass(frozen=True)
class RawImage:
    """A `sensor_msgs/Image`; `data` is a view of the serialised message."""

    header: FrameHeader
    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: NDArray[np.uint8]

    @classmethod
    def deserialize(cls, message: bytes) -> RawImage:
        """Read a serialised message.

        Raises:
            ImageError: the message ends too early.
        """
        reader = CdrReader(message)
        header = _read_header(reader)
        height, width, encoding = reader.uint32(), reader.uint32(), reader.string()
        is_bigendian, step = bool(reader.uint8()), reader.uint32()
        return cls(header, height, width, encoding, is_bigendian, step, reader.byte_sequence())

    def size(self) -> tuple[int, int]:
        """Return height and width, in px."""
        return self.height, self.width

    @property
    def is_depth(self) -> bool:
        """Whether its encoding is one of those in which depth cameras publish distances (REP 118)."""
        return self.encoding in DEPTH_ENCODINGS

    def to_bgr(self, at_least: tuple[int, int] | None = None, channel_order: ChannelOrder = "auto") -> ImageArray:
        """Convert the pixels, uint8 `[H, W, 3]`, all of them whatever is enough; a view of the message if it is bgr8.

        Raises:
            ImageError: the encoding is unknown, or the sizes contradict each other.
        """
        return to_bgr(self.data, self.encoding, self.height, self.width, self.step, self.is_bigendian)

    def to_depth(self) -> NDArray[np.float32]:
        """Return the pixels of a depth image, float32 `[H, W]` in m.

        Raises:
            ImageError: the encoding is none of depth images, or the sizes contradict each other.
        """
        return to_depth(self.data, self.encoding, self.height, self.width, self.step, self.is_bigendian)


@dataclass(frozen=True)
class CompressedCameraImage:
    """A `sensor_msgs/CompressedImage`; `data` is a view of the serialised message."""

    header: FrameHeader
    format: str
    data: NDArray[np.uint8]

    @classmethod
    def deserialize(cls, message: bytes) -> CompressedCameraImage:
        """Read a serialised message.

        Raises:
            ImageError: the message ends too early.
        """
        reader = CdrReader(message)
        return cls(_read_header(reader), reader.string(), reader.byte_sequence())

    def size(self) -> tuple[int, int]:
        """Read height and width, in px, from the header of the file.

        Raises:
            ImageError: it is no picture file, or damaged.
        """
        return compressed_size(self.data, self.format)

    @property
    def is_depth(self) -> bool:
        """Whether its `format` is one of those in which depth cameras publish distances (REP 118)."""
        return parse_format(self.format).is_depth

    def to_bgr(self, at_least: tuple[int, int] | None = None, channel_order: ChannelOrder = "auto") -> ImageArray:
        """Decode the file, uint8 `[H, W, 3]`; a JPEG at 1/2, 1/4 or 1/8 where that is `at_least` as large.

        Raises:
            ImageError: it is no picture file, or damaged.
        """
        return decode_compressed(self.data, at_least, self.format, channel_order)


def heatmap_message(header: FrameHeader, score: ScoreMap) -> Image:
    """Build a 32FC1 image from a score map, float32 `[h, w]`."""
    return _image_message(header, score, "32FC1")


def color_message(header: FrameHeader, image: ImageArray) -> Image:
    """Build a bgr8 image from uint8 `[H, W, 3]`."""
    return _image_message(header, image, "bgr8")


def label_message(header: FrameHeader, labels: LabelMap) -> Image:
    """Build a mono8 image from a label map, uint8 `[h, w]`."""
    return _image_message(header, labels, "mono8")


def jpeg_message(header: FrameHeader, image: ImageArray, quality: int) -> CompressedImage:
    """Compress uint8 `[H, W, 3]` BGR as JPEG, `quality` in [1, 100]; named as compressed_image_transport does.

    Raises:
        ImageError: the encoder failed.
    """
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError(f"an image of {image.shape[1]}x{image.shape[0]} cannot be compressed as JPEG")
    message = CompressedImage(header=header.message(), format="bgr8; jpeg compressed bgr8")
    message.data.frombytes(np.ascontiguousarray(data).data.cast("B"))
    return message


def _read_header(reader: CdrReader) -> FrameHeader:
    return FrameHeader(reader.int32(), reader.uint32(), reader.string())


def _image_message(header: FrameHeader, pixels: NDArray[np.float32] | NDArray[np.uint8], encoding: str) -> Image:
    pixels = pixels if pixels.flags.c_contiguous else pixels.copy()
    message = Image(
        header=header.message(),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=pixels.strides[0],
    )
    # Assigning bytes instead would check them one by one on older distributions.
    message.data.frombytes(pixels.data.cast("B"))
    return message
