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

FARTHEST: float = 0.04
"""Nearer to the horizon than this share of the height, and above it, the distance grows no further."""


def match_histogram(colors: FloatImage, alpha: FloatImage, reference: NDArray[np.uint8], strength: float) -> FloatImage:
    """Move the distribution of each channel of the visible object towards that of a reference picture.

    A value goes to the quantile of the reference at its rank. Equal values have the mean of their ranks, so that an
    object of one color gets the median. `strength` 0 changes nothing, 1 gives each channel the histogram of
    `reference`, uint8 `[H, W, 3]`.
    """
    visible = alpha > 0.5
    if strength == 0 or not visible.any():
        return colors
    matched: FloatImage = colors.copy()
    levels = np.linspace(0, 1, 1024)
    for channel in range(3):
        own = np.sort(colors[..., channel][visible])
        below = np.searchsorted(own, colors[..., channel], "left")
        ranks = (below + np.searchsorted(own, colors[..., channel], "right")) / (2 * own.size)
        moved = np.interp(ranks, levels, np.quantile(reference[..., channel], levels))
        matched[..., channel] += strength * (moved - colors[..., channel])
    return matched


def adapt_brightness(colors: FloatImage, alpha: FloatImage, covered: FloatImage, strength: float) -> FloatImage:
    """Shift the mean brightness of the visible object towards that of the pixels `covered` by it; hues stay.

    `strength` 0 changes nothing, 1 gives the object the mean of what it covers, float32 `[h, w, 3]`.
    """
    weight = float(alpha.sum())
    if weight == 0:
        return colors
    difference = (covered.mean(axis=2) - colors.mean(axis=2)) * alpha
    return _float(colors + np.float32(strength * float(difference.sum()) / weight))


def is_smooth(alpha: FloatImage) -> bool:
    """Tell whether the edge of an alpha already fades: a third of the pixels at it are neither clear nor opaque."""
    solid = np.pad((alpha > 0.5).astype(np.uint8), 1)
    edge = (cv2.dilate(solid, np.ones((3, 3))) != cv2.erode(solid, np.ones((3, 3))))[1:-1, 1:-1]
    between = (alpha > 0.05) & (alpha < 0.95)
    return bool(np.count_nonzero(between & edge) * 3 >= np.count_nonzero(edge))


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


def overexpose(seen: FloatImage, surroundings: FloatImage, share: FloatImage) -> FloatImage:
    """Let bright surroundings spill over the rim of an object; a darker background takes no light away.

    Args:
        seen: float32 `[h, w, 3]`, the object multiplied by its alpha.
        surroundings: float32 `[h, w, 3]`, the background, blurred.
        share: float32 `[h, w]` of `glow`, already multiplied by the alpha.
    """
    spilled = seen * (1 - share[..., None]) + surroundings * share[..., None]
    return _float(np.maximum(seen, spilled))


def add_fog(image: FloatImage, horizon: float, random: np.random.Generator) -> FloatImage:
    """Add fog that grows with distance: Koschmieder's law, t = exp(-beta d), over flat ground.

    Source of the law: Sakaridis et al., Semantic Foggy Scene Understanding with Synthetic Data, 2018, equation 1. The
    distance is that of the ground in a row, 1 / (y - horizon), and that of the horizon above it; `horizon` is its row
    as a share of the height.
    """
    rows = (np.arange(image.shape[0]) + 0.5) / image.shape[0]
    distance = 1 / np.maximum(rows - horizon, FARTHEST)
    transmission = np.exp(-random.uniform(0.01, 0.06) * distance).astype(np.float32)[:, None, None]
    return _float(image * transmission + np.float32(random.uniform(170, 230)) * (1 - transmission))


def premultiply(colors: FloatImage, alpha: FloatImage) -> FloatImage:
    """Combine colors and alpha to float32 `[h, w, 4]`, multiplied by alpha."""
    return _float(np.dstack([colors * alpha[..., None], alpha]))


def _float(image: NDArray[Any]) -> FloatImage:
    return image.astype(np.float32, copy=False)
