"""Build and take apart the serialized (CDR) messages of a bag."""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from fishy_ros.bags.topics import CAMERA_INFO_TYPE, COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from fishy_ros.errors import BagError, ImageError
from fishy_ros.imaging import DEPTH_ENCODINGS, check_size, decode_compressed, parse_format, to_bgr
from fishy_ros.types import ImageArray, LabelMap

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class MessageHeader:
    """The `std_msgs/Header` at the start of a message; `stamp_ns` is 0 where none was set."""

    stamp_ns: int
    frame_id: str


@functools.cache
def typestore() -> Typestore:
    """Return the message definitions; those used here are the same from Foxy to Kilted."""
    return get_typestore(Stores.ROS2_JAZZY)


def read_header(message: bytes) -> MessageHeader:
    """Read the header of a serialized message that starts with one, without touching the rest.

    Raises:
        BagError: the message is too short, or no CDR.
    """
    order = _byte_order(message)
    try:
        sec, nanosec, length = struct.unpack_from(f"{order}iII", message, 4)
    except struct.error:
        raise BagError(f"a message of {len(message)} bytes is too short for a header") from None
    if length > len(message) - 16:
        raise BagError(f"a frame_id of {length} bytes does not fit a message of {len(message)} bytes")
    frame_id = bytes(message[16 : 16 + length]).split(b"\0", 1)[0].decode(errors="replace")
    return MessageHeader(sec * NANOSECONDS + nanosec, frame_id)


def with_stamp(message: bytes, stamp_ns: int) -> bytes:
    """Return a copy of a serialized message whose header carries another stamp.

    Raises:
        BagError: the message is not CDR, or the stamp does not fit (seconds of 32 bits).
    """
    try:
        stamp = struct.pack(f"{_byte_order(message)}iI", *divmod(stamp_ns, NANOSECONDS))
    except struct.error:
        raise BagError(f"a stamp of {stamp_ns} ns does not fit a message") from None
    return b"".join((message[:4], stamp, memoryview(message)[12:]))


def image_message(image: NDArray[np.uint8], encoding: str, stamp_ns: int, frame_id: str) -> bytes:
    """Serialize an image, uint8 `[H, W]` or `[H, W, C]`, as `sensor_msgs/msg/Image` without row padding."""
    height, width = image.shape[:2]
    step = width * (image.shape[2] if image.ndim == 3 else 1)
    data = np.ascontiguousarray(image).reshape(-1)
    return _serialize(IMAGE_TYPE, _header(stamp_ns, frame_id), height, width, encoding, 0, step, data)


def compressed_image_message(image: ImageArray, image_format: str, quality: int, stamp_ns: int, frame_id: str) -> bytes:
    """Serialize a BGR image as `sensor_msgs/msg/CompressedImage`: `png`, or `jpeg` of a quality of 1 to 100."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if image_format == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, 2]
    done, encoded = cv2.imencode(".jpg" if image_format == "jpeg" else ".png", image, options)
    if not done:
        raise BagError(f"an image of shape {image.shape} cannot be encoded as {image_format}")
    description = f"bgr8; {image_format} compressed bgr8"
    return _serialize(COMPRESSED_IMAGE_TYPE, _header(stamp_ns, frame_id), description, encoded.reshape(-1))


def camera_info_message(
    height: int, width: int, intrinsics: NDArray[np.float64] | None, stamp_ns: int, frame_id: str
) -> bytes:
    """Serialize a `sensor_msgs/msg/CameraInfo`.

    `intrinsics` is the 3x3 matrix K in pixels of an undistorted camera; None writes zeros, which the
    message defines as uncalibrated.
    """
    k = np.zeros((3, 3)) if intrinsics is None else np.asarray(intrinsics, np.float64)
    rotation = np.zeros((3, 3)) if intrinsics is None else np.eye(3)
    region = typestore().types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return _serialize(
        CAMERA_INFO_TYPE,
        _header(stamp_ns, frame_id),
        height,
        width,
        "" if intrinsics is None else "plumb_bob",
        np.zeros(0 if intrinsics is None else 5),
        k.reshape(9),
        rotation.reshape(9),
        np.hstack([k, np.zeros((3, 1))]).reshape(12),
        0,
        0,
        region,
    )


def decode_image(message: bytes, message_type: str) -> ImageArray:
    """Decode a serialized `Image` or `CompressedImage` to BGR, uint8 `[H, W, 3]`.

    Raises:
        ImageError: the message is damaged, or its encoding is unknown.
    """
    decoded = _deserialize(message, message_type)
    if message_type == COMPRESSED_IMAGE_TYPE:
        return decode_compressed(decoded.data, image_format=decoded.format)
    return to_bgr(
        decoded.data, decoded.encoding, decoded.height, decoded.width, decoded.step, bool(decoded.is_bigendian)
    )


def is_depth_message(message: bytes, message_type: str) -> bool:
    """Tell whether a serialized image has an encoding in which depth cameras publish distances (REP 118).

    A message that cannot be read has none.
    """
    try:
        decoded = _deserialize(message, message_type)
    except ImageError:
        return False
    if message_type == COMPRESSED_IMAGE_TYPE:
        return parse_format(decoded.format).is_depth
    return decoded.encoding in DEPTH_ENCODINGS


def decode_intrinsics(message: bytes) -> NDArray[np.float64]:
    """Return the matrix K of a serialized `CameraInfo`, float64 `[3, 3]`; its first entry is 0 where it is unknown.

    Raises:
        ImageError: the message is damaged.
    """
    return np.asarray(_deserialize(message, CAMERA_INFO_TYPE).k, np.float64).reshape(3, 3)


def decode_labels(message: bytes) -> LabelMap:
    """Decode a serialized `Image` of labels (mono8 or 8UC1), uint8 `[H, W]`.

    Raises:
        ImageError: the message is damaged or of another encoding.
    """
    image = _deserialize(message, IMAGE_TYPE)
    if image.encoding not in {"mono8", "8UC1"}:
        raise ImageError(f"expected ground-truth labels as mono8, found {image.encoding!r}")
    height, width, step = int(image.height), int(image.width), int(image.step)
    check_size(height, width)
    if step < width or len(image.data) < step * height:
        raise ImageError(f"labels of {width}x{height} with step {step} do not fit {len(image.data)} bytes")
    return np.ascontiguousarray(image.data[: step * height].reshape(height, step)[:, :width])


def _byte_order(message: bytes) -> str:
    if len(message) < 4 or message[0] != 0 or message[1] not in (0, 1):
        raise BagError(f"a message is not serialized as CDR (it starts with {bytes(message[:4]).hex() or 'nothing'})")
    return "<" if message[1] else ">"


def _header(stamp_ns: int, frame_id: str) -> Any:
    types = typestore().types
    sec, nanosec = divmod(stamp_ns, NANOSECONDS)
    return types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](sec, nanosec), frame_id)


def _serialize(message_type: str, *fields: Any) -> bytes:
    return bytes(typestore().serialize_cdr(typestore().types[message_type](*fields), message_type))


def _deserialize(message: bytes, message_type: str) -> Any:
    try:
        return typestore().deserialize_cdr(message, message_type)
    except Exception as error:
        raise ImageError(f"a {message_type} of {len(message)} bytes cannot be decoded: {error}") from error
