"""A camera whose every picture can be told from its stamp, so that a heatmap betrays which picture it was made from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from fishy_ros.imaging import to_bgr

SECOND = 1_000_000_000
DEFAULT_SIZE = (96, 160)
_BRIGHT = 135
_FROM_BGR = {
    "bgr8": None,
    "rgb8": cv2.COLOR_BGR2RGB,
    "bgra8": cv2.COLOR_BGR2BGRA,
    "mono8": cv2.COLOR_BGR2GRAY,
}


class WallClock:
    """Stamps of the system's clock that never repeat; `offset_ns` sets it wrong."""

    def __init__(self, offset_ns: int = 0) -> None:
        self.offset_ns = offset_ns
        self._last_ns = 0

    def __call__(self) -> int:
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        return self._last_ns + self.offset_ns


@dataclass
class Camera:
    """What a camera sends, and how; a fault changes it while the camera runs."""

    is_on: bool = True
    rate_hz: float = 10.0
    sizes: Iterator[tuple[int, int]] = field(default_factory=lambda: cycle([DEFAULT_SIZE]))
    """Height and width of each next picture, in px."""
    encodings: Iterator[str] = field(default_factory=lambda: cycle(["bgr8"]))
    """`bgr8`, `rgb8`, `bgra8` or `mono8` of each next picture."""
    frame_id: str = "camera"
    is_compressed: bool = False
    clock: Callable[[], int] = field(default_factory=WallClock)
    copies: int = 1
    """Pictures that share each stamp."""
    is_bright: bool = False
    """Whether the pictures are those on which an odd model misbehaves."""


@dataclass(frozen=True)
class SentFrame:
    """One picture as it was sent."""

    stamp_ns: int
    image: NDArray[np.uint8]
    """What the detector has to see, uint8 `[H, W, 3]` BGR."""
    frame_id: str
    at: float
    """Monotonic time in s."""


def take_picture(camera: Camera, stamp_ns: int, variant: int = 0) -> tuple[Image | CompressedImage, SentFrame]:
    """Build the message of the camera's next picture, and what it shows."""
    pixels = picture_of(stamp_ns, next(camera.sizes), variant) + np.uint8(_BRIGHT if camera.is_bright else 0)
    head = Header(stamp=Time(sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND), frame_id=camera.frame_id)
    if camera.is_compressed:
        message = CompressedImage(header=head, format="bgr8; png compressed bgr8")
        message.data.frombytes(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())
        return message, SentFrame(stamp_ns, pixels, camera.frame_id, time.monotonic())
    encoding = next(camera.encodings)
    conversion = _FROM_BGR[encoding]
    data = pixels if conversion is None else np.ascontiguousarray(cv2.cvtColor(pixels, conversion))
    height, width = pixels.shape[:2]
    step = data.size // height
    message = Image(header=head, height=height, width=width, encoding=encoding, step=step)
    message.data.frombytes(data.data.cast("B"))
    seen = to_bgr(data.reshape(-1), encoding, height, width, step)
    return message, SentFrame(stamp_ns, seen, camera.frame_id, time.monotonic())


def picture_of(stamp_ns: int, size: tuple[int, int], variant: int = 0) -> NDArray[np.uint8]:
    """Draw dark noise that no other stamp gives, uint8 `[H, W, 3]` below 120."""
    random = np.random.default_rng([stamp_ns % 2**63, variant])
    return random.integers(0, 120, (*size, 3), np.uint8)
