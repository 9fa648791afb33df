"""Pictures for people: color-mapped heatmaps, overlays and segmentations."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ConfigError, ImageError
from fishy_ros.imaging.resize import resize_score
from fishy_ros.types import ImageArray, LabelMap, ScoreMap

COLOR_MAPS: dict[str, int] = {
    "turbo": cv2.COLORMAP_TURBO,
    "inferno": cv2.COLORMAP_INFERNO,
    "magma": cv2.COLORMAP_MAGMA,
    "plasma": cv2.COLORMAP_PLASMA,
    "viridis": cv2.COLORMAP_VIRIDIS,
    "cividis": cv2.COLORMAP_CIVIDIS,
    "hot": cv2.COLORMAP_HOT,
    "jet": cv2.COLORMAP_JET,
}
"""Names of the color maps, and what OpenCV calls them."""


def colorize(score: ScoreMap, color_map: str = "turbo") -> ImageArray:
    """Map a score in [0, 1] to colors; values outside are clipped and NaN is 1.

    Args:
        score: float32 `[h, w]`.
        color_map: one of `COLOR_MAPS`.

    Returns:
        uint8 `[h, w, 3]`, BGR.

    Raises:
        ConfigError: the color map is unknown.
    """
    code = COLOR_MAPS.get(color_map)
    if code is None:
        raise ConfigError(f"unknown color map {color_map!r}; known are {', '.join(COLOR_MAPS)}")
    levels = np.nan_to_num(score, nan=1.0).clip(0.0, 1.0) * 255.0 + 0.5
    return np.asarray(cv2.applyColorMap(levels.astype(np.uint8), code), np.uint8)


def render_overlay(
    image: ImageArray, score: ScoreMap, threshold: float, opacity: float = 0.6, color_map: str = "turbo"
) -> ImageArray:
    """Draw a heatmap over its image, and a white outline around what lies above the threshold.

    A pixel above the threshold is tinted by `opacity`, one at half the threshold by an eighth of that, so that
    normal surroundings keep their own colors.

    Args:
        image: uint8 `[H, W, 3]`, BGR.
        score: float32 `[h, w]` in [0, 1]; resized to the image.
        threshold: score above which a pixel counts as anomalous, in [0, 1].
        opacity: weight of the heatmap there, in [0, 1].
        color_map: one of `COLOR_MAPS`.

    Returns:
        uint8 `[H, W, 3]`, BGR; a new array.
    """
    score = resize_score(score, *image.shape[:2])
    tint = colorize(score, color_map)
    weight = np.float32(opacity) * np.clip(score / np.float32(max(threshold, 1e-6)), 0.0, 1.0) ** 3
    overlay = np.asarray(cv2.blendLinear(tint, np.ascontiguousarray(image), weight, 1.0 - weight), np.uint8)
    above = np.asarray(score > threshold, np.uint8)
    outlines, _ = cv2.findContours(above, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(overlay, outlines, -1, (255, 255, 255), thickness=max(1, image.shape[0] // 512))
    return overlay


def render_segmentation(labels: LabelMap, palette: NDArray[np.uint8]) -> ImageArray:
    """Color a label map.

    Args:
        labels: uint8 `[h, w]`.
        palette: uint8 `[K, 3]`, the RGB color of label k; labels of K and above are black.

    Returns:
        uint8 `[h, w, 3]`, BGR.

    Raises:
        ImageError: `palette` is not a list of at most 256 colors.
    """
    if palette.ndim != 2 or palette.shape[1] != 3 or len(palette) > 256:
        raise ImageError(f"a palette has shape {palette.shape}; expected [K, 3] with K of at most 256")
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette[:, ::-1]
    return table[labels]
