"""Image messages to arrays and back, with as few copies as there can be.

What comes in is read from its serialised form: to build a Python message first costs two more copies of
every image. What goes out is written into the message's own buffer.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
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
from fishy_ros.node.stamps import Age
from fishy_ros.types import ImageArray, LabelMap, ScoreMap

_PLAIN_REPRESENTATIONS = frozenset({0x0000, 0x0001, 0x0006, 0x0007})
"""CDR_BE, CDR_LE, CDR2_BE and CDR2_LE: odd ones are little-endian."""
_HEADER_BYTES = 4

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

    @property
    def has_lost_colors(self) -> bool:
        """Whether a color camera's image was compressed as grey."""
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

    @property
    def has_lost_colors(self) -> bool:
        """Whether a color camera's image was compressed as grey; never."""
        return False

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
            ImageError: it is not a picture file, or damaged.
        """
        return compressed_size(self.data, self.format)

    @property
    def is_depth(self) -> bool:
        """Whether its `format` is one of those in which depth cameras publish distances (REP 118)."""
        return parse_format(self.format).is_depth

    @property
    def has_lost_colors(self) -> bool:
        """Whether a color camera's image was compressed as grey."""
        return parse_format(self.format).has_lost_colors

    def to_bgr(self, at_least: tuple[int, int] | None = None, channel_order: ChannelOrder = "auto") -> ImageArray:
        """Decode the file, uint8 `[H, W, 3]`; a JPEG at 1/2, 1/4 or 1/8 where that is `at_least` as large.

        Raises:
            ImageError: it is not a picture file, or damaged.
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


def latency_message(header: FrameHeader, source: str, stages_ms: Mapping[str, float], age: Age) -> DiagnosticArray:
    """Build the message that says what each stage of one frame took, in ms, under `<stage>_ms`.

    An unknown age is `nan`; the status is then a warning that says why.
    """
    values = [KeyValue(key=f"{stage}_ms", value=f"{ms:.4f}") for stage, ms in stages_ms.items()]
    values.append(KeyValue(key="age_ms", value=f"{age.ms:.4f}"))
    status = DiagnosticStatus(
        level=DiagnosticStatus.WARN if age.problem else DiagnosticStatus.OK,
        name=f"{source}: latency",
        message=f"age is invalid: {age.problem}" if age.problem else "ok",
        values=values,
    )
    return DiagnosticArray(header=header.message(), status=[status])


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


class CdrReader:
    """Read one field after the other from a serialised message, without a copy.

    Layout: OMG "DDS-XTypes" 1.3, section 7.4 (XCDR1 and XCDR2 agree where no field is wider than 4 bytes).
    Every method raises `ImageError` when the message ends too early.
    """

    def __init__(self, message: bytes) -> None:
        """Read the header that names the representation.

        Raises:
            ImageError: there is no header, or it names a representation that ROS 2 does not use.
        """
        if len(message) < _HEADER_BYTES:
            raise ImageError(f"a serialised message has {len(message)} bytes; expected at least {_HEADER_BYTES}")
        representation = int.from_bytes(message[:2], "big")
        if representation not in _PLAIN_REPRESENTATIONS:
            raise ImageError(f"a serialised message has representation {representation:#06x}; expected plain CDR")
        self._message = message
        self._position = _HEADER_BYTES
        self._order = "<" if representation & 1 else ">"

    def int32(self) -> int:
        """Read a signed integer of 32 bits."""
        return self._number("i")

    def uint32(self) -> int:
        """Read an unsigned integer of 32 bits."""
        return self._number("I")

    def uint8(self) -> int:
        """Read one byte."""
        return self._message[self._skip(1)]

    def string(self) -> str:
        """Read a string; bytes that are no UTF-8 are replaced."""
        length = self.uint32()
        start = self._skip(length)
        return self._message[start : start + length].rstrip(b"\0").decode("utf-8", "replace")

    def byte_sequence(self) -> NDArray[np.uint8]:
        """Read a sequence of bytes: a view of the message, uint8 `[N]`."""
        length = self.uint32()
        return np.frombuffer(self._message, np.uint8, length, self._skip(length))

    def _number(self, kind: str) -> int:
        self._position += -self._position % 4
        value: int = struct.unpack_from(self._order + kind, self._message, self._skip(4))[0]
        return value

    def _skip(self, count: int) -> int:
        start = self._position
        if start + count > len(self._message):
            raise ImageError(f"a serialised message of {len(self._message)} bytes ends at byte {start} of a longer one")
        self._position = start + count
        return start


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
