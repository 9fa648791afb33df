"""Object crops in the memory of the device, each at several sizes, so that small ones are sampled without aliasing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fishy_ros.training.object_crops import ObjectCrop

SMALLEST_LEVEL_PX: int = 8
SHARPNESS: float = 0.2
"""Added to the level before it is rounded down. The nearest level left 0.7 of the local contrast that area
interpolation leaves when shrinking to 1/3 or 1/6; this leaves 0.98 to 0.99 (12 objects), 1.09 at most elsewhere."""

HULL_POINTS: int = 24
"""Corners of the convex hull that are kept of each mask, to know the box of the object when it is turned."""


class MipBank:
    """Pictures as an atlas each, uint8 `[N, C, side, 1.5 side]`: the full size on the left, smaller ones beside it."""

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], side: int, device: torch.device) -> None:
        """Upload pictures `[h, w, C]` of any size; larger ones are shrunk to `side` px, a power of two."""
        levels = int(np.log2(side // SMALLEST_LEVEL_PX)) + 1
        atlases = np.zeros((len(pictures), pictures[0].shape[2], side, side * 3 // 2), np.uint8)
        self.sizes: NDArray[np.float64] = np.zeros((len(pictures), 2))
        """Width and height of each picture at full size, in px."""
        for index, picture in enumerate(pictures):
            self.sizes[index] = _fill(atlases[index], picture, levels)
        self.atlases = torch.from_numpy(atlases).to(device)
        tops = [0, *np.cumsum([side >> level for level in range(1, levels)])[:-1]]
        self._left = torch.tensor([0, *[side] * (levels - 1)], device=device, dtype=torch.float32)
        self._top = torch.tensor([0, *tops][:levels], device=device, dtype=torch.float32)
        self._levels = levels

    def sample(self, which: Tensor, x: Tensor, y: Tensor, size: Tensor, texels: Tensor) -> Tensor:
        """Sample pictures `which`, `[K]`, at coordinates `x`, `y` in px of their full size, which broadcast to
        `[K, H, W]`.

        `size` are their widths and heights, `[2, K]`, `texels` how many px of the full size lie in one px that is
        sampled, `[K]`. Coordinates outside a picture are those of its border. Returns float32 `[K, C, H, W]`.
        """
        level = (texels.clamp_min(1.0).log2() + SHARPNESS).floor().long().clamp(0, self._levels - 1)
        scale = torch.exp2(-level.float())[:, None, None]
        last = (size[:, :, None, None] * scale - 0.5).clamp_min(0.5)
        left = self._left[level][:, None, None] + torch.minimum((x * scale).clamp_min(0.5), last[0])
        top = self._top[level][:, None, None] + torch.minimum((y * scale).clamp_min(0.5), last[1])
        left, top = torch.broadcast_tensors(left, top)
        atlas = self.atlases[which].float()
        places = torch.stack([left * (2 / atlas.shape[3]) - 1, top * (2 / atlas.shape[2]) - 1], dim=-1)
        return F.grid_sample(atlas, places, mode="bilinear", padding_mode="border", align_corners=False)


def hull_of(crop: ObjectCrop) -> NDArray[np.float64]:
    """Return corners of the convex hull of a mask relative to the middle of its box, `[HULL_POINTS, 2]` in shares."""
    points = np.argwhere(crop.alpha > 0.3)[:, ::-1]
    height, width = crop.alpha.shape
    if len(points) < 4:
        points = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    hull = cv2.convexHull(points.astype(np.int32))[:, 0].astype(np.float64) + 0.5
    picked = hull[np.linspace(0, len(hull) - 1, HULL_POINTS).round().astype(int)]
    return np.asarray(picked / (width, height) - 0.5)


def with_alpha(crop: ObjectCrop) -> NDArray[np.uint8]:
    """Return color and mask of an object as uint8 `[h, w, 4]`."""
    return np.dstack([crop.color, (crop.alpha * 255).round().astype(np.uint8)])


def _fill(atlas: NDArray[np.uint8], picture: NDArray[np.uint8], levels: int) -> tuple[int, int]:
    side = atlas.shape[1]
    shrink = min(1.0, side / max(picture.shape[:2]))
    size = max(1, round(picture.shape[1] * shrink)), max(1, round(picture.shape[0] * shrink))
    current = _resized(picture, size)
    top = 0
    for level in range(levels):
        tile = side >> level
        height, width = current.shape[:2]
        left = 0 if level == 0 else side
        padded = np.pad(current, ((0, tile - height), (0, tile - width), (0, 0)), mode="edge")
        atlas[:, top : top + tile, left : left + tile] = padded.transpose(2, 0, 1)
        top = 0 if level == 0 else top + tile
        current = _resized(current, (max(1, -(-width // 2)), max(1, -(-height // 2))))
    return size


def _resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if picture.shape[1::-1] == size:
        return picture
    resized = np.asarray(cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA), np.uint8)
    return resized if resized.ndim == 3 else resized[..., None]
