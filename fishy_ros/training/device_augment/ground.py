"""Ground patches and painted markings on the device: they change the look of the road and stay normal."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from fishy_ros.training.device_augment.device_images import Scenes
from fishy_ros.training.device_augment.mip_bank import MipBank
from fishy_ros.training.device_augment.operations import grid, soft_step, to_device
from fishy_ros.training.device_augment.places import place_on_ground
from fishy_ros.training.paste import GROUND, ROAD

CORNERS: int = 8
"""Most corners of a ground patch."""

GRAIN_ZERO: int = 128
"""Grey level that stands for no grain."""


def grain_pictures(textures: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return the fine structure of photographs as uint8 `[h, w, 1]` around `GRAIN_ZERO`."""
    grains = []
    for photograph in textures:
        grey = cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY).astype(np.float32)
        fine = grey - cv2.GaussianBlur(grey, (0, 0), 5)
        grains.append(np.clip(fine + GRAIN_ZERO, 0, 255).astype(np.uint8)[..., None])
    return grains


def paste_ground_patches(
    scenes: Scenes, numbers: NDArray[np.int64], grains: MipBank | None, rng: Generator, generator: torch.Generator
) -> None:
    """Recolor a flat piece of ground in each of the crops `numbers`."""
    k, device = len(numbers), scenes.image.device
    crops = to_device(numbers, device)
    share = np.exp(rng.uniform(np.log(0.05), np.log(1.2), k))
    places = place_on_ground(scenes, crops, numbers, rng.random(k) < 0.8, share, generator)
    half = places.height.clamp_min(3)
    depth = (half * to_device(rng.uniform(0.1, 0.4, k), device)).round().clamp_min(2)
    rows, columns = grid(*scenes.size, device)
    x = (columns - (places.x - half)[:, None, None]) / (2 * half)[:, None, None]
    y = (rows - (places.base - depth)[:, None, None]) / (2 * depth)[:, None, None]
    sigma = to_device(np.hypot(rng.uniform(0.4, 2.0, k), scenes.softness[numbers]), device)[:, None, None]
    edges = to_device(_polygons(k, rng), device)[..., None, None]
    inside = torch.full_like(x + y, torch.inf)
    for a, b, c in edges.unbind(0):
        slope = ((a / (2 * half)[:, None, None]).square() + (b / (2 * depth)[:, None, None]).square()).sqrt()
        inside = torch.minimum(inside, (a * x + b * y + c) / slope.clamp_min(1e-6))
    in_box = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    flat = torch.zeros_like(in_box)
    for train_id in GROUND:
        flat = flat | (scenes.labels[crops] == train_id)
    mix = (soft_step(inside, sigma) * (in_box & flat & places.found[:, None, None]))[:, None]
    image = scenes.image[crops]
    grained = (rng.random(k) < 0.25) & (grains is not None)
    gain = to_device(np.where(grained, 1.0, rng.uniform(0.45, 1.5, k)), device)[:, None, None, None]
    tint = to_device(np.where(grained[:, None], 0.0, rng.normal(0, 8, (k, 3))), device)[:, :, None, None]
    changed = image * gain + tint
    strength = rng.uniform(0.1, 0.5, k) * grained
    if grains is not None and grained.any():
        changed = changed + _grain(grains, x, y, half, rng) * to_device(strength, device)[:, None, None, None]
    scenes.image[crops] = (image * (1 - mix) + changed * mix).clamp(0, 255)


def paste_markings(scenes: Scenes, numbers: NDArray[np.int64], rng: Generator, generator: torch.Generator) -> None:
    """Paint a worn line or sign on the road of each of the crops `numbers`."""
    k, device = len(numbers), scenes.image.device
    crops = to_device(numbers, device)
    share = np.exp(rng.uniform(np.log(0.03), np.log(0.6), k))
    places = place_on_ground(scenes, crops, numbers, rng.random(k) < 0.8, share, generator)
    horizon = to_device(scenes.horizon[numbers], device)
    ahead, length = places.base - horizon, places.height
    width = (ahead * to_device(rng.uniform(0.03, 0.25, k), device)).clamp_min(1)
    narrowing = (1 - length / ahead.clamp_min(1)).clamp_min(0.05)
    shift = to_device(rng.uniform(-1.5, 1.5, k), device) * length
    deep = 0.7 * length
    rows, columns = grid(*scenes.size, device)
    up = ((places.base[:, None, None] + 0.5 - rows) / deep[:, None, None]).expand(-1, -1, columns.shape[1])
    sigma = to_device(np.hypot(rng.uniform(0.4, 0.9, k), scenes.softness[numbers]), device)[:, None, None]
    left_end, right_end = shift, shift + width * (narrowing - 1)
    upright_left = 1 / (1 + (left_end / deep).square()).sqrt()
    upright_right = 1 / (1 + (right_end / deep).square()).sqrt()
    x = columns - places.x[:, None, None]
    from_left = (x + 0.5 - left_end[:, None, None] * up) * upright_left[:, None, None]
    from_right = (width[:, None, None] + 0.5 + right_end[:, None, None] * up - x) * upright_right[:, None, None]
    sides = soft_step(from_left, sigma) + soft_step(from_right, sigma) - 1
    from_base = up * deep[:, None, None]
    ends = soft_step(from_base + 0.5, sigma) + soft_step(deep[:, None, None] + 0.5 - from_base, sigma) - 1
    worn = torch.randn(sides.shape, generator=generator, device=device) * 0.15
    worn = (worn + to_device(rng.uniform(0.5, 1.0, k), device)[:, None, None]).clamp(0, 1)
    road = (scenes.labels[crops] == ROAD) & places.found[:, None, None]
    mix = (sides.clamp_min(0) * ends.clamp_min(0) * worn * road)[:, None]
    tone = np.where(rng.random((k, 1)) < 0.8, (1.0, 1.0, 1.0), (0.35, 0.85, 1.0))
    paint = to_device(rng.uniform(150, 255, (k, 1)) * tone, device)[:, :, None, None]
    scenes.image[crops] = scenes.image[crops] * (1 - mix) + paint * mix


def _grain(grains: MipBank, x: Tensor, y: Tensor, half: Tensor, rng: Generator) -> Tensor:
    which = rng.integers(len(grains.sizes), size=len(x))
    size = to_device(grains.sizes[which].T.copy(), x.device)
    width, height = size[:, :, None, None]
    sampled = grains.sample(to_device(which, x.device), x * width, y * height, size, size[0] / (2 * half))
    return sampled - GRAIN_ZERO


def _polygons(count: int, rng: Generator) -> NDArray[np.float64]:
    """Draw convex polygons in the unit square as half planes a x + b y + c >= 0, `[CORNERS, 3, count]`."""
    planes = np.zeros((CORNERS, 3, count))
    planes[:, 2] = 1.0
    for index in range(count):
        corners = rng.uniform(0, 1, (int(rng.integers(4, CORNERS + 1)), 2))
        hull = cv2.convexHull(corners.astype(np.float32))[:, 0].astype(np.float64)
        along = np.roll(hull, -1, axis=0) - hull
        normal = np.stack([-along[:, 1], along[:, 0]])
        offset = -(normal * hull.T).sum(axis=0)
        inwards = np.sign((normal * hull.mean(axis=0)[:, None]).sum(axis=0) + offset)
        planes[: len(hull), :, index] = (np.vstack([normal, offset]) * inwards).T
    return planes
