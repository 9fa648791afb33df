"""Objects to paste, and settings that change nothing of them."""

from __future__ import annotations

import cv2
import numpy as np

from fishy_ros.datasets.object_crops import ObjectCrop
from fishy_ros.datasets.overlay_settings import OverlaySettings

PLAIN = OverlaySettings(brightness=0, histogram=0, motion=0, defocus=0, noise=0, glow=0, fog=0)
"""No effect at all."""


def square(size: int = 40, color: tuple[int, int, int] = (10, 200, 60)) -> ObjectCrop:
    """Return an opaque square of one color."""
    return ObjectCrop("square", np.full((size, size, 3), color, np.uint8), np.ones((size, size), np.float32))


def disc(size: int = 41) -> np.ndarray:
    """Return the alpha of a disc, float32 `[size, size]`."""
    alpha = np.zeros((size, size), np.float32)
    cv2.circle(alpha, (size // 2, size // 2), size // 4, 1.0, -1)
    return alpha
