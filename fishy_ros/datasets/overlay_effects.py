"""Make a pasted object look as if the camera had seen it (Fishyscapes, section 3.1, names the effects).

Colors are float32 `[h, w, 3]` BGR in 0 to 255, alpha float32 `[h, w]` in [0, 1]; nothing is changed in place.
Strengths are this project's choice.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]


def match_histogram(colors: FloatImage, alpha: FloatImage, reference: NDArray[np.uint8], strength: float) -> FloatImage:
    """Move the distribution of each channel of the visible object towards that of a reference picture.

    `strength` 0 changes nothing, 1 gives each channel the histogram of `reference`, uint8 `[H, W, 3]`.
    """
    visible = alpha > 0.5
    if strength == 0 or not visible.any():
        return colors
    matched: FloatImage = colors.copy()
    share = np.linspace(0, 1, 256)
    for channel in range(3):
        own = np.quantile(colors[..., channel][visible], share)
        wanted = np.quantile(reference[..., channel], share)
        moved = np.interp(colors[..., channel], own, wanted)
        matched[..., channel] += strength * (moved - colors[..., channel])
    return matched


def soften_edge(alpha: FloatImage, width: float) -> FloatImage:
    """Shrink an alpha by about `width` px and blur its edge as much, so that no rim of the old background stays."""
    if width <= 0:
        return alpha
    size = 2 * round(width) + 1
    eroded = cv2.erode(alpha, np.ones((size, size), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return _float(cv2.GaussianBlur(eroded, (0, 0), width, borderType=cv2.BORDER_CONSTANT))


def depth_blur(premultiplied: FloatImage, sigma: float) -> FloatImage:
    """Blur colors with alpha, float32 `[h, w, 4]` multiplied by alpha, with a Gaussian of `sigma` px."""
    if sigma < 0.2:
        return premultiplied
    return _float(cv2.GaussianBlur(premultiplied, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT))


def radial_motion_blur(premultiplied: FloatImage, focus: tuple[float, float], growth: float) -> FloatImage:
    """Blur by a motion towards the camera: the mean of copies scaled about the focus of expansion.

    `premultiplied` is float32 `[h, w, 4]`, `focus` (x, y) is in its pixels and may lie outside, `growth` is
    how much the picture grows while the shutter is open, such as 0.02.
    """
    height, width = premultiplied.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) - focus
    longest = growth * float(np.linalg.norm(corners, axis=1).max())
    steps = int(np.clip(np.ceil(longest), 1, 16))
    if steps == 1:
        return premultiplied
    total: FloatImage = np.zeros_like(premultiplied)
    for scale in 1 + growth * (np.arange(steps) / (steps - 1) - 0.5):
        shift = (1 - scale) * np.array(focus)
        warp = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        total += np.asarray(cv2.warpAffine(premultiplied, warp, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    return _float(total / steps)


def color_noise(colors: FloatImage, sigma: float, random: np.random.Generator) -> FloatImage:
    """Add the noise of a sensor behind a Bayer filter: Gaussian, slightly smooth, of deviation `sigma`."""
    if sigma <= 0:
        return colors
    noise = cv2.GaussianBlur(random.standard_normal(colors.shape).astype(np.float32), (0, 0), 0.6)
    return _float(colors + sigma / max(float(noise.std()), 1e-6) * noise)


def glow(alpha: FloatImage, radius: float, strength: float) -> FloatImage:
    """Compute the light that spills from a bright background around an object: its share, float32 `[h, w]`.

    It is `strength` at the edge, falls off inside the object over `radius` px, and is 0 outside.
    """
    if radius <= 0 or strength <= 0:
        return _float(np.zeros_like(alpha))
    outside = _float(cv2.GaussianBlur(1 - alpha, (0, 0), radius, borderType=cv2.BORDER_REPLICATE))
    return _float(strength * np.clip(2 * outside, 0, 1) * alpha)


def premultiply(colors: FloatImage, alpha: FloatImage) -> FloatImage:
    """Combine colors and alpha to float32 `[h, w, 4]`, multiplied by alpha."""
    return _float(np.dstack([colors * alpha[..., None], alpha]))


def _float(image: NDArray[Any]) -> FloatImage:
    return image.astype(np.float32, copy=False)
