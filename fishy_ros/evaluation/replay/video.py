"""Write overlays as a video: MP4 where OpenCV can encode it, an animated WebP elsewhere."""

from __future__ import annotations

import io
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
from PIL import Image

from fishy_ros.closing import Closing
from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.evaluation.replay.run_files import VIDEO_ENDINGS, VIDEO_NAME
from fishy_ros.evaluation.sources.source import UnreadableFrame
from fishy_ros.imaging import render_overlay
from fishy_ros.types import ImageArray

MAX_WIDTH = 1024
"""Wider images are shrunk to this width, in px."""


class OverlayVideo(Closing):
    """Draws the heatmap of every frame over its image; frames without a heatmap are shown as they are.

    OpenCV writes to a temporary file, which is moved in the end: a name that is not UTF-8 ends its process.
    """

    def __init__(self, folder: Path, threshold: float, rate_hz: float = 10.0, name: str = VIDEO_NAME) -> None:
        """Write `NAME` with one of `VIDEO_ENDINGS` into `folder`; `threshold` is where the outline is drawn."""
        self._folder = folder
        self._name = name
        self._threshold = threshold
        self._rate_hz = rate_hz
        self._writer: Any = None
        self._pictures: list[ImageArray] = []
        self._size = (0, 0)
        self._stack = ExitStack()
        self._temporary = Path()
        self.path: Path | None = None

    def add(self, detected: DetectedFrame) -> None:
        """Append one frame; one that cannot be read is left out."""
        if isinstance(detected.sample, UnreadableFrame):
            return
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
        with self._stack:
            if self.path is None:
                return
            try:
                if self._writer is not None:
                    self._writer.release()
                    shutil.move(self._temporary, self.path)
                else:
                    self.path.write_bytes(_encode_webp(self._pictures, self._rate_hz))
            except OSError as error:
                raise ReplayError(f"{self.path}: the video cannot be written: {error.strerror or error}") from error

    def _open(self, picture: ImageArray) -> None:
        self._size = (picture.shape[1], picture.shape[0])
        encoded, animated = (self._folder / f"{self._name}{ending}" for ending in VIDEO_ENDINGS)
        self.path = animated
        scratch = self._scratch_folder()
        if scratch is None:
            return
        self._temporary = scratch / "overlay.mp4"
        writer = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter.fourcc(*"mp4v"), self._rate_hz, self._size)
        if writer.isOpened():
            self._writer = writer
            self.path = encoded

    def _scratch_folder(self) -> Path | None:
        """Make a temporary folder with a plain name; None where there is none, as on a full disk."""
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fishy-video-")))
        except OSError:
            return None
        return folder if str(folder).isascii() else None


def _shrink(image: ImageArray) -> ImageArray:
    """Shrink an image to `MAX_WIDTH`, and to even sides, which video encoders want."""
    scale = min(1.0, MAX_WIDTH / image.shape[1])
    width, height = (max(2, round(side * scale) // 2 * 2) for side in (image.shape[1], image.shape[0]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(image.dtype, copy=False)


def _encode_webp(pictures: list[ImageArray], rate_hz: float) -> bytes:
    frames = [Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)) for picture in pictures]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], duration=round(1000 / rate_hz), quality=80)
    return file.getvalue()
