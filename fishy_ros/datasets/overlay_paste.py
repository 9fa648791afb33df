"""Where a pasted object goes, and how it is blended in."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.datasets.object_crops import ObjectCrop
from fishy_ros.datasets.overlay_effects import (
    FloatImage,
    adapt_brightness,
    color_noise,
    depth_blur,
    glow,
    is_smooth,
    match_histogram,
    overexpose,
    premultiply,
    radial_motion_blur,
    soften_edge,
)
from fishy_ros.datasets.overlay_settings import OverlaySettings
from fishy_ros.types import IGNORED, ImageArray, LabelMap

MARGIN: int = 6
"""An object is blurred beyond its box by at most so many px."""

MAMMALS: frozenset[str] = frozenset({"cat", "cow", "dog", "horse", "sheep"})
FLYING: frozenset[str] = frozenset({"aeroplane", "airplane", "bird"})
TENDENCY: float = 0.75
"""The chance that a mammal stands in the lower half and that what flies is in the upper one."""

TRIES: int = 30
"""So often a place off the ego vehicle is looked for; then the frame stays without the object."""


@dataclass(frozen=True)
class Placement:
    """Where an object stands: the middle of its foot (x, y) and its height, in px."""

    x: float
    y: float
    height: float


def ego_vehicle(labels: LabelMap | None, shape: tuple[int, int], bonnet: float) -> NDArray[np.bool_]:
    """Return where the own vehicle is seen, bool `[H, W]`: what labels ignore at the middle of the lower edge.

    Without labels, or where they ignore nothing there, it is everything below the row `bonnet` x H.
    """
    rows, columns = shape
    if labels is not None and labels[-1, columns // 2] == IGNORED:
        _, regions = cv2.connectedComponents((labels == IGNORED).astype(np.uint8), connectivity=4)
        return np.asarray(regions == regions[-1, columns // 2], np.bool_)
    mask = np.zeros(shape, np.bool_)
    mask[round(bonnet * rows) :] = True
    return mask


def draw_placement(
    crop: ObjectCrop, ego: NDArray[np.bool_], settings: OverlaySettings, random: np.random.Generator
) -> Placement | None:
    """Draw size and place anywhere in the image, but never on the ego vehicle; None where no place was found.

    Heights are drawn evenly on a logarithmic scale, and limited to what the width of the image holds.
    """
    rows, columns = ego.shape
    own_rows, own_columns = crop.alpha.shape
    low, high = settings.size
    lower_half = _preference(crop.kind, random)
    for _ in range(TRIES):
        height = rows * low * (high / low) ** random.uniform()
        height = max(2.0, min(height, 0.9 * columns * own_rows / own_columns))
        width = height * own_columns / own_rows
        x = random.uniform(width / 2, columns - width / 2)
        y = random.uniform(height, rows)
        if lower_half is not None and (y - height / 2 > rows / 2) != lower_half:
            continue
        box = np.s_[max(0, int(y - height)) : int(y) + 1, max(0, int(x - width / 2)) : int(x + width / 2) + 1]
        if not ego[box].any():
            return Placement(x, y, height)
    return None


def paste(
    image: FloatImage,
    crop: ObjectCrop,
    placement: Placement,
    settings: OverlaySettings,
    random: np.random.Generator,
    histogram_of: ImageArray | None = None,
    mirror: bool = True,
) -> NDArray[np.bool_]:
    """Blend a crop into `image`, float32 `[H, W, 3]`, in place, and return where it covers at least half, `[H, W]`.

    Args:
        image: is changed.
        crop: the object.
        placement: where it stands.
        settings: strengths of the effects.
        random: draws noise and mirroring.
        histogram_of: image uint8 `[H, W, 3]` whose histogram the object takes on; None leaves this step out.
        mirror: whether every second object is mirrored.
    """
    rows, columns = image.shape[:2]
    covered = np.zeros((rows, columns), np.bool_)
    colors, alpha = _resized(crop, placement, mirror and random.random() < 0.5)
    left, top = round(placement.x - alpha.shape[1] / 2), round(placement.y) - alpha.shape[0] + MARGIN
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + alpha.shape[1], columns), min(top + alpha.shape[0], rows)
    if x1 <= x0 or y1 <= y0:
        return covered
    inner = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    background = image[y0:y1, x0:x1]
    colors[inner] = adapt_brightness(colors[inner], alpha[inner], background, settings.brightness)
    if histogram_of is not None:
        colors = match_histogram(colors, alpha, histogram_of, settings.histogram)
    nearness = float(np.clip((placement.y / rows - settings.horizon) / (1 - settings.horizon), 0, 1))
    focus = (columns / 2 - left, settings.horizon * rows - top)
    blurred = radial_motion_blur(premultiply(colors, alpha), focus, settings.motion * nearness)
    blurred = depth_blur(blurred, settings.defocus * rows / 1000 * (1 - nearness))
    cover = blurred[inner][..., 3]
    noisy = blurred[inner][..., :3] + cover[..., None] * color_noise(
        np.zeros((*cover.shape, 3), np.float32), settings.noise, random
    )
    spill = glow(cover, radius=max(0.02 * placement.height, 1.0), strength=settings.glow)
    surroundings = cv2.blur(background, (2 * MARGIN + 1, 2 * MARGIN + 1)) * cover[..., None]
    seen = overexpose(noisy, np.asarray(surroundings, np.float32), spill)
    background *= 1 - cover[..., None]
    background += seen
    covered[y0:y1, x0:x1] = cover >= 0.5
    return covered


def _preference(kind: str, random: np.random.Generator) -> bool | None:
    """Draw whether an object must be in the lower half (True), the upper (False), or anywhere (None)."""
    if kind not in MAMMALS | FLYING:
        return None
    tends = random.random() < TENDENCY
    return tends == (kind in MAMMALS)


def _resized(crop: ObjectCrop, placement: Placement, mirrored: bool) -> tuple[FloatImage, FloatImage]:
    scale = placement.height / crop.alpha.shape[0]
    size = (max(round(crop.alpha.shape[1] * scale), 2), max(round(placement.height), 2))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    alpha = np.pad(cv2.resize(crop.alpha, size, interpolation=how), MARGIN).astype(np.float32)
    borders = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
    resized = cv2.resize(crop.image, size, interpolation=how).astype(np.float32)
    colors: FloatImage = np.pad(resized, borders, "edge")
    if not is_smooth(crop.alpha):
        alpha = soften_edge(alpha, float(np.clip(0.006 * placement.height, 0.4, 1.2)))
    return (colors[:, ::-1].copy(), alpha[:, ::-1].copy()) if mirrored else (colors, alpha)
