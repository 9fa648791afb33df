"""The picture under construction, and the two ways in which things are put on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.cityscapes import SIDEWALK
from fishy_ros.types import IGNORED, ImageArray

UNKNOWN, VOID = 254, IGNORED
"""Ids beside the 19 Cityscapes train ids: an unknown object, and the bonnet of the own car."""


@dataclass(frozen=True)
class Canvas:
    """A picture, uint8 `[H, W, 3]` BGR, and the id of what each pixel shows, uint8 `[H, W]`."""

    image: ImageArray
    ids: NDArray[np.uint8]


def composite(canvas: Canvas, patch: NDArray[np.uint8], left: int, top: int, thing: int) -> None:
    """Put a patch, uint8 `[h, w, 4]` with colors multiplied by alpha, on the canvas.

    A pixel gets the id `thing` where the patch covers at least half of it. The patch must lie inside.
    """
    height, width = patch.shape[:2]
    image = canvas.image[top : top + height, left : left + width]
    alpha = patch[..., 3]
    through = cv2.merge([cv2.bitwise_not(alpha)] * 3)
    cv2.add(cv2.multiply(image, through, scale=1 / 255), patch[..., :3], dst=image)
    canvas.ids[top : top + height, left : left + width][alpha >= 128] = thing


def darken(canvas: Canvas, mask: NDArray[np.uint8], left: int, top: int, strength: float) -> None:
    """Darken the ground under a mask, uint8 `[h, w]` with 255 in full shadow, to 1 - `strength`."""
    height, width = mask.shape
    image = canvas.image[top : top + height, left : left + width]
    ground = (canvas.ids[top : top + height, left : left + width] <= SIDEWALK).astype(np.uint8)
    light = cv2.bitwise_not(cv2.multiply(mask, ground, scale=strength))
    cv2.multiply(image, cv2.merge([light] * 3), dst=image, scale=1 / 255)
