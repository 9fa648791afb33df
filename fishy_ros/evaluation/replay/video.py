"""Write overlays as a video: MP4 where OpenCV can encode it, an animated WebP elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import cv2

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.imaging import render_overlay
from fishy_ros.types import ImageArray

MAX_WIDTH = 1024
"""Wider images are shrunk to this width, in px."""


class OverlayVideo:
    """Draws the heatmap of every frame over its image; frames without a heatmap are shown as they are."""

    def __init__(self, folder: Path, threshold: float, rate_hz: float = 10.0) -> None:
        """Write `overlay.mp4` or `overlay.webp` into `folder`; `threshold` is where the outline is drawn."""
        self._folder = folder
        self._threshold = threshold
        self._rate_hz = rate_hz
        self._writer: Any = None
        self._pictures: list[ImageArray] = []
        self._size = (0, 0)
        self.path: Path | None = None

    def add(self, detected: DetectedFrame) -> None:
        """Append one frame."""
        image = _shrink(detected.sample.image)
        picture = image if detected.score is None else render_overlay(image, detected.score, self._threshold)
        if self.path is None:
            self._open(picture)
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = cv2.resize(picture, self._size).astype(picture.dtype)
        if self._writer is None:
            self._pictures.append(picture)
        else:
            self._writer.write(picture)

    def close(self) -> None:
        """Finish the video.

        Raises:
            ReplayError: it cannot be written.
        """
        if self._writer is not None:
            self._writer.release()
        elif self._pictures:
            _write_webp(self._folder / "overlay.webp", self._pictures, self._rate_hz)

    def __enter__(self) -> OverlayVideo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, picture: ImageArray) -> None:
        self._size = (picture.shape[1], picture.shape[0])
        self.path = self._folder / "overlay.mp4"
        writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"mp4v"), self._rate_hz, self._size)
        if writer.isOpened():
            self._writer = writer
        else:
            self.path = self._folder / "overlay.webp"


def _shrink(image: ImageArray) -> ImageArray:
    """Shrink an image to `MAX_WIDTH`, and to even sides, which video encoders want."""
    scale = min(1.0, MAX_WIDTH / image.shape[1])
    width, height = (max(2, round(side * scale) // 2 * 2) for side in (image.shape[1], image.shape[0]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(image.dtype, copy=False)


def _write_webp(path: Path, pictures: list[ImageArray], rate_hz: float) -> None:
    encode = getattr(cv2, "imwriteanimation", None)
    if encode is None:
        raise ReplayError(f"{path}: this OpenCV ({cv2.__version__}) can write neither MP4 nor animated WebP")
    animation = cv2.Animation()
    animation.frames = pictures
    animation.durations = [round(1000 / rate_hz)] * len(pictures)
    if not encode(str(path), animation):
        raise ReplayError(f"{path}: the video cannot be written")
