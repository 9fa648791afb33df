"""What may happen to the images of a camera: night, dirt, fog, a wrong driver, a wrong mount."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from fishy_ros.types import ImageArray

_MUD_BGR = (28, 40, 52)
_MUD_BLOBS = 26


def _dark(image: ImageArray) -> ImageArray:
    return image // 8


def _black(image: ImageArray) -> ImageArray:
    return np.zeros_like(image)


def _overexposed(image: ImageArray) -> ImageArray:
    return np.minimum(image.astype(np.uint16) * 3, 255).astype(np.uint8)


def _blurred(image: ImageArray) -> ImageArray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), image.shape[1] / 100), np.uint8)


def _foggy(image: ImageArray) -> ImageArray:
    return (image * np.float32(0.2) + 160).astype(np.uint8)


def _muddy(image: ImageArray) -> ImageArray:
    height, width = image.shape[:2]
    random, cover = np.random.default_rng(7), np.zeros((height, width), np.float32)
    for _ in range(_MUD_BLOBS):
        centre = (int(random.integers(0, width)), int(random.integers(0, height)))
        radii = (int(random.uniform(0.04, 0.15) * width), int(random.uniform(0.06, 0.22) * height))
        cv2.ellipse(cover, centre, radii, float(random.uniform(0, 180)), 0, 360, 1.0, -1)
    cover = 0.95 * cv2.GaussianBlur(cover, (0, 0), width / 70)[..., None]
    return (image * (1 - cover) + np.array(_MUD_BGR) * cover).astype(np.uint8)


def _swapped(image: ImageArray) -> ImageArray:
    return np.ascontiguousarray(image[..., ::-1])


def turn(image: ImageArray) -> ImageArray:
    """Turn an image by 180 degrees, as a camera that hangs upside down gives it."""
    return np.ascontiguousarray(image[::-1, ::-1])


CORRUPTIONS: Mapping[str, Callable[[ImageArray], ImageArray]] = MappingProxyType(
    {
        "dark": _dark,
        "black": _black,
        "overexposed": _overexposed,
        "blurred": _blurred,
        "foggy": _foggy,
        "muddy": _muddy,
        "swapped": _swapped,
        "upside down": turn,
    }
)
"""By name, functions from uint8 `[H, W, 3]` BGR to the same: an eighth of the light; none; three times the light; a
Gaussian blur of 1 % of the width; a fifth of the contrast under grey; mud over half of the lens; red and blue
exchanged; turned by 180 degrees."""
