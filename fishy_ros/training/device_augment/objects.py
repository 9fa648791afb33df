"""Paste objects and distractors into crops on the device, with soft edges, shadows and matched colors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from fishy_ros.training.device_augment.device_images import Scenes
from fishy_ros.training.device_augment.mip_bank import MipBank, hull_of, with_alpha
from fishy_ros.training.device_augment.operations import blur, grid, soft_step, to_device
from fishy_ros.training.device_augment.places import SMALLEST_PX, Places, place_on_ground
from fishy_ros.training.object_bank import UNKNOWN
from fishy_ros.training.object_crops import ObjectCrop
from fishy_ros.training.sources import IGNORE, SURE
from fishy_ros.types import ANOMALY, IGNORED, NORMAL

EDGE: float = 0.12
"""Below this share of an object a pixel still counts as untouched; from here to one half it is ignored."""


class ObjectAtlas:
    """Groups of objects and of distractors on the device; a group is drawn by the square root of its size."""

    def __init__(
        self,
        objects: Sequence[Sequence[ObjectCrop]],
        procedural: Sequence[ObjectCrop],
        distractors: Sequence[Sequence[ObjectCrop]],
        side: int,
        device: torch.device,
    ) -> None:
        groups = [*objects, procedural, *distractors]
        crops = [crop for group in groups for crop in group]
        starts = np.cumsum([0, *(len(group) for group in groups)])
        ranges = [range(int(first), int(last)) for first, last in itertools.pairwise(starts)]
        self.objects = [part for part in ranges[: len(objects)] if part]
        self.procedural = ranges[len(objects)]
        self.distractors = [part for part in ranges[len(objects) + 1 :] if part]
        self.bank = MipBank([with_alpha(crop) for crop in crops], side, device)
        self.hulls = np.stack([hull_of(crop) for crop in crops])
        self.train_ids = np.array([UNKNOWN if crop.train_id is None else crop.train_id for crop in crops], np.uint8)


@dataclass(frozen=True)
class ObjectDraw:
    """Random numbers for one object in each of K crops, drawn on the host; arrays `[K]`."""

    crops: NDArray[np.int64]
    which: NDArray[np.int64]
    outlier: NDArray[np.bool_]
    wants_ground: NDArray[np.bool_]
    road_only: NDArray[np.bool_]
    share: NDArray[np.float64]
    anywhere: NDArray[np.float64]
    """Column, base row and height of an object that stands anywhere, `[3, K]`."""
    mirrored: NDArray[np.bool_]
    angle: NDArray[np.float64]
    """In radians."""
    stretch: NDArray[np.float64]
    edge_sigma: NDArray[np.float64]
    color_sigma: NDArray[np.float64]
    shadow: NDArray[np.float64]
    """Darkness (0 for none), half width, depth and shift in shares of the width or half width, `[4, K]`."""
    pull: NDArray[np.float64]
    gain: NDArray[np.float64]
    tint: NDArray[np.float64]
    """`[3, K]`."""


def draw_objects(
    crops: NDArray[np.int64],
    outlier: NDArray[np.bool_],
    scenes: Scenes,
    atlas: ObjectAtlas,
    anywhere: float,
    procedural: float,
    rng: Generator,
) -> ObjectDraw:
    """Draw one object for each of `crops`, an outlier or a distractor, by the recipe of `paste.populate`."""
    k, (height, width) = len(crops), scenes.size
    which = np.array([_pick(atlas, bool(is_outlier), procedural, rng) for is_outlier in outlier])
    tall = np.exp(rng.uniform(np.log(8), np.log(0.6 * height), k)).astype(int)
    softness = scenes.softness[crops]
    blurred = rng.random(k) < 0.4
    return ObjectDraw(
        crops=crops,
        which=which,
        outlier=outlier,
        wants_ground=~outlier | (rng.random(k) >= anywhere),
        road_only=rng.random(k) < 0.8,
        share=np.exp(np.where(outlier, _log_uniform(0.05, 0.9, k, rng), _log_uniform(0.5, 1.6, k, rng))),
        anywhere=np.stack([rng.integers(width, size=k), rng.integers(height // 6, height + tall // 2), tall]).astype(
            float
        ),
        mirrored=rng.random(k) < 0.5,
        angle=np.where(outlier & (rng.random(k) < 0.5), np.radians(rng.uniform(-25, 25, k)), 0.0),
        stretch=rng.uniform(0.8, 1.25, k),
        edge_sigma=np.hypot(rng.uniform(0.3, 1.1, k), softness),
        color_sigma=np.where(blurred, np.hypot(rng.uniform(0.3, 1.0, k), softness), softness),
        shadow=np.stack(
            [
                rng.uniform(0.15, 0.7, k) * (rng.random(k) < 0.85),
                rng.uniform(0.45, 0.8, k),
                rng.uniform(0.1, 0.35, k),
                rng.uniform(-0.3, 0.3, k),
            ]
        ),
        pull=rng.uniform(0, 0.75, k),
        gain=rng.uniform(0.75, 1.2, k),
        tint=rng.normal(0, 4, (3, k)),
    )


def paste_objects(scenes: Scenes, atlas: ObjectAtlas, draw: ObjectDraw, generator: torch.Generator) -> None:
    """Paste one object into each crop that `draw` names."""
    device = scenes.image.device
    crops = to_device(draw.crops, device)
    places, grounded, visible = _places(scenes, crops, draw, generator)
    box, size, corner = _boxes(atlas, draw)
    width = (places.height * to_device(box[0] / box[1] * draw.stretch, device)).round()
    width = torch.minimum(width.clamp_min(3), 6 * places.height)
    left, top = places.x - (width / 2).floor(), places.base - places.height
    rows, columns = grid(*scenes.size, device)
    across = _spread(corner[0], device) + (columns - left[:, None, None]) * (_spread(box[0], device) / _wide(width))
    down = _spread(corner[1], device) + (rows - top[:, None, None]) * (_spread(box[1], device) / _wide(places.height))
    cosine, sine = _spread(np.cos(draw.angle), device), _spread(np.sin(draw.angle), device)
    extent = to_device(size.T.copy(), device)
    x = cosine * across + sine * down
    x = torch.where(_spread(draw.mirrored, device), -x, x) + _wide(extent[0] / 2)
    y = cosine * down - sine * across + _wide(extent[1] / 2)
    texels = to_device(box[1], device) / places.height
    sampled = atlas.bank.sample(to_device(draw.which, device), x, y, extent, texels)
    inside_box = (x >= 0) & (x <= _wide(extent[0])) & (y >= 0) & (y <= _wide(extent[1]))
    alpha = sampled[:, 3:] * ((inside_box & _wide(visible))[:, None] / 255)
    soft = blur(alpha, draw.edge_sigma)
    image = _with_shadow(scenes.image[crops], places, width, draw, grounded)
    margin = to_device(3 + np.round(2 * scenes.softness[draw.crops]), device)
    near_rows = (rows > _wide(top - margin)) & (rows < _wide(places.base + margin))
    near = near_rows & (columns > _wide(left - margin)) & (columns < _wide(left + width + margin))
    piece = blur(_matched(sampled[:, :3], soft, image, near[:, None], draw), draw.color_sigma)
    scenes.image[crops] = (image * (1 - soft) + piece * soft).clamp(0, 255)
    _write_labels(scenes, crops, soft[:, 0], draw, atlas)


def _places(
    scenes: Scenes, crops: Tensor, draw: ObjectDraw, generator: torch.Generator
) -> tuple[Places, Tensor, Tensor]:
    device = scenes.image.device
    ground = place_on_ground(scenes, crops, draw.crops, draw.road_only, draw.share, generator)
    grounded = ground.found & to_device(draw.wants_ground, device)
    x, base, height = to_device(draw.anywhere, device)
    places = Places(
        torch.where(grounded, ground.x, x),
        torch.where(grounded, ground.base, base),
        torch.where(grounded, ground.height, height.clamp_min(SMALLEST_PX)),
        grounded,
    )
    return places, grounded, grounded | to_device(draw.outlier, device)


def _boxes(
    atlas: ObjectAtlas, draw: ObjectDraw
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return width and height `[2, K]` of each turned object, its own size `[K, 2]`, and its corner `[2, K]`."""
    size = atlas.bank.sizes[draw.which]
    points = atlas.hulls[draw.which] * size[:, None]
    points[..., 0] *= np.where(draw.mirrored, -1, 1)[:, None]
    cosine, sine = np.cos(draw.angle)[:, None], np.sin(draw.angle)[:, None]
    turned = np.stack(
        [cosine * points[..., 0] - sine * points[..., 1], sine * points[..., 0] + cosine * points[..., 1]]
    )
    straight = draw.angle == 0
    half = size.T / 2
    corner = np.where(straight, -half, turned.min(axis=2))
    return np.where(straight, 2 * half, np.maximum(turned.max(axis=2) - corner, 1.0)), size, corner


def _with_shadow(image: Tensor, places: Places, width: Tensor, draw: ObjectDraw, grounded: Tensor) -> Tensor:
    """Darken the ground around the foot by a soft ellipse."""
    dark, half_share, depth_share, shift = to_device(draw.shadow, image.device)
    half = (width * half_share).round().clamp_min(2)
    depth = (half * depth_share).round().clamp_min(1)
    rows, columns = grid(image.shape[2], image.shape[3], image.device)
    x = columns - _wide(places.x + (width * shift).round())
    y = rows - _wide(places.base)
    radius = ((x / _wide(half)).square() + (y / _wide(depth)).square()).sqrt().clamp_min(1e-3)
    # The distance to the ellipse to first order: the implicit function over the length of its gradient.
    slope = ((x / _wide(half.square())).square() + (y / _wide(depth.square())).square()).sqrt() / radius
    shade = soft_step((1 - radius) / slope.clamp_min(1e-6), _wide((depth * 0.5).clamp_min(0.6)))
    return image * (1 - shade * _wide(dark * grounded))[:, None]


def _matched(piece: Tensor, soft: Tensor, image: Tensor, near: Tensor, draw: ObjectDraw) -> Tensor:
    """Move mean and spread of each object part of the way to those of what lies around it."""
    inside = soft > 0.5
    mean, spread = _statistics(piece, inside)
    around_mean, around_spread = _statistics(image, near)
    pull = _spread(draw.pull, piece.device)[:, None]
    gain = ((1 - pull) + pull * around_spread / spread).clamp(0.4, 1.4)
    matched = (piece - mean) * gain + mean * (1 - pull) + around_mean * pull
    tint = to_device(draw.tint.T.copy(), piece.device)[:, :, None, None]
    matched = matched * _spread(draw.gain, piece.device)[:, None] + tint
    return torch.where(inside.flatten(1).any(dim=1)[:, None, None, None], matched, piece)


def _statistics(values: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    count = chosen.sum(dim=(2, 3), keepdim=True).clamp_min(1)
    mean = (values * chosen).sum(dim=(2, 3), keepdim=True) / count
    square = ((values - mean).square() * chosen).sum(dim=(2, 3), keepdim=True) / count
    return mean, square.sqrt() + 4


def _write_labels(scenes: Scenes, crops: Tensor, soft: Tensor, draw: ObjectDraw, atlas: ObjectAtlas) -> None:
    device = soft.device
    inside, edge = soft > 0.5, (soft > EDGE) & (soft <= 0.5)
    is_outlier = _spread(draw.outlier, device)
    distractor = inside & ~is_outlier
    outlier = scenes.outlier[crops]
    outlier = torch.where(inside, torch.where(is_outlier, ANOMALY, NORMAL).to(torch.uint8), outlier)
    scenes.outlier[crops] = outlier.masked_fill(edge & is_outlier & (outlier != ANOMALY), IGNORED)
    labels = scenes.labels[crops].masked_fill(inside | edge, IGNORE)
    scenes.labels[crops] = torch.where(distractor, _spread(atlas.train_ids[draw.which], device), labels)
    scenes.confidence[crops] = scenes.confidence[crops].masked_fill(distractor, SURE // 2)


def _pick(atlas: ObjectAtlas, outlier: bool, procedural: float, rng: Generator) -> int:
    if outlier and (not atlas.objects or rng.random() < procedural):
        return int(rng.integers(atlas.procedural.start, atlas.procedural.stop))
    groups = atlas.objects if outlier else atlas.distractors
    weights = np.sqrt([len(group) for group in groups])
    group = groups[int(rng.choice(len(groups), p=weights / weights.sum()))]
    return int(rng.integers(group.start, group.stop))


def _log_uniform(smallest: float, largest: float, count: int, rng: Generator) -> NDArray[np.float64]:
    return rng.uniform(np.log(smallest), np.log(largest), count)


def _spread(values: NDArray[np.generic], device: torch.device) -> Tensor:
    return to_device(values, device)[:, None, None]


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None]
