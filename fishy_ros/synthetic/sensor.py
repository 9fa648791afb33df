"""What the camera adds: the own bonnet, the lens, and the noise of the sensor."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.synthetic.camera import StreetCamera
from fishy_ros.synthetic.canvas import VOID, Canvas
from fishy_ros.synthetic.style import StreetStyle
from fishy_ros.types import ImageArray

_SPARE = 64
"""Rows and columns by which the field of noise is larger than the picture, to start elsewhere in every frame."""


class Sensor:
    """Turns a rendered picture into one that a camera might have taken."""

    def __init__(self, style: StreetStyle, camera: StreetCamera, random: np.random.Generator) -> None:
        """Prepare the parts that are the same in every frame."""
        height, width = camera.height, camera.width
        self._noise = style.noise * random.standard_normal((height + _SPARE, width + _SPARE, 3)).astype(np.float32)
        x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
        y = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
        self._vignette = np.repeat((1 - 0.11 * (x[None] ** 2 + y[:, None] ** 2))[..., None], 3, 2).astype(np.float32)
        self._bonnet = _paint_bonnet(camera, style)

    def cover(self, canvas: Canvas) -> None:
        """Put the bonnet over the lowest rows."""
        colors, mask = self._bonnet
        area = canvas.image[-len(mask) :]
        np.copyto(area, colors, where=mask[..., None])
        canvas.ids[-len(mask) :][mask] = VOID

    def expose(self, image: ImageArray, random: np.random.Generator) -> ImageArray:
        """Blur by the lens, darken towards the corners, add noise; returns a new picture."""
        height, width = image.shape[:2]
        soft = cv2.GaussianBlur(image, (3, 3), 0.45)
        light = cv2.multiply(soft, self._vignette, scale=random.uniform(0.985, 1.015), dtype=cv2.CV_32F)
        top, left = random.integers(_SPARE, size=2)
        cv2.add(light, self._noise[top : top + height, left : left + width], dst=light)
        return np.clip(light, 0, 255).astype(np.uint8)


def _paint_bonnet(camera: StreetCamera, style: StreetStyle) -> tuple[ImageArray, NDArray[np.bool_]]:
    tall = max(round(0.055 * camera.height), 1)
    x = (np.arange(camera.width, dtype=np.float32) + 0.5) / camera.width * 2 - 1
    edge = tall * (0.25 + 0.75 * np.clip(x**2, 0, 1) ** 1.5)
    rows = np.arange(tall, dtype=np.float32)[:, None]
    mask = rows >= edge[None]
    shine = np.exp(-(((rows - edge[None]) / (0.16 * tall + 1)) ** 2))
    tone = 26 + 90 * shine * style.sky_light + 12 * np.cos(3 * x)[None]
    return np.repeat(np.clip(tone, 0, 255)[..., None], 3, 2).astype(np.uint8), mask
