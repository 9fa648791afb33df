"""Paste objects into a street: outliers, and distractors that look pasted but are normal.

Without distractors a network learns to see the paste. So known things (cars, people, signs) and patches of road are
pasted by the same code, with the same edges, shadows and colors, and stay normal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fishy_ros.errors import ConfigError
from fishy_ros.training.object_bank import ObjectBank, draw
from fishy_ros.training.object_crops import ObjectCrop
from fishy_ros.training.procedural import random_object
from fishy_ros.training.sources import IGNORE, SURE
from fishy_ros.types import ANOMALY, IGNORED, NORMAL

ROAD: int = 0
GROUND: tuple[int, ...] = (0, 1, 9)
"""Train ids of road, pavement and terrain."""


@dataclass(frozen=True)
class PasteConfig:
    """How many objects a crop gets, how large, and where."""

    outliers: float = 2.5
    """Mean number of outliers in a crop; every crop gets at least one unless this is 0."""
    distractors: float = 1.0
    ground_patches: float = 1.0
    """Mean number of recolored ground patches that stay normal."""
    markings: float = 0.0
    """Mean number of painted lines on the road, which stay normal too."""
    anywhere: float = 0.25
    """Share of outliers placed anywhere instead of standing on the ground."""
    procedural: float = 0.35
    """Share of outliers that are procedural rather than photographed."""
    fixed_share: float | None = None
    """Share of a crop that every outlier covers, wherever it lies (Fishyscapes, section 4.3: patches of fixed size);
    None for sizes that vary."""
    one_in: int = 1
    """Of so many crops one is given outliers, the others none (COCO-DAG, section 3.1: the interval of the mixture)."""
    four_way: bool = False
    """Whether outliers are pasted into whole streets that are then cut into four at one of them (`four_way_split`)."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: one is out of range.
        """
        if self.fixed_share is not None and not 0 < self.fixed_share < 0.5:
            raise ConfigError(f"paste: fixed_share: {self.fixed_share}; expected a share above 0 and below 0.5")
        if self.one_in < 1:
            raise ConfigError(f"paste: one_in: {self.one_in}; expected 1 or more")

    @property
    def on_device(self) -> bool:
        """Whether a GPU can paste like this, too."""
        return self.fixed_share is None and self.one_in == 1 and not self.four_way


@dataclass
class Scene:
    """A crop under construction; the arrays are changed in place.

    `image` uint8 `[H, W, 3]`, `labels` uint8 `[H, W]` train ids, `confidence` uint8 `[H, W]`, `outlier` uint8
    `[H, W]` with 0 normal, 1 anomaly, 255 ignored; `horizon` is a row, possibly outside the crop. `softness` is the
    standard deviation in px of the blur that the crop has from being enlarged, and that what is pasted gets too.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    horizon: float
    outlier: NDArray[np.uint8]
    softness: float = 0.0


def populate(scene: Scene, bank: ObjectBank, config: PasteConfig, rng: Generator) -> None:
    """Paste patches, then distractors and outliers in random order."""
    for _ in range(rng.poisson(config.ground_patches)):
        paste_ground_patch(scene, bank.textures, rng)
    for _ in range(rng.poisson(config.markings)):
        paste_marking(scene, rng)
    jobs: list[Callable[[], None]] = [lambda: _paste_distractor(scene, bank, rng)] * int(
        rng.poisson(config.distractors)
    )
    if config.outliers > 0 and (config.one_in == 1 or rng.integers(config.one_in) == 0):
        jobs += [lambda: _paste_outlier(scene, bank, config, rng)] * max(1, int(rng.poisson(config.outliers)))
    for index in rng.permutation(len(jobs)):
        jobs[index]()


def _paste_outlier(scene: Scene, bank: ObjectBank, config: PasteConfig, rng: Generator) -> None:
    drawn = rng.random() < config.procedural or not bank.objects
    crop = random_object(rng, bank.textures) if drawn else draw(bank.objects, rng)
    if config.fixed_share is not None:
        _paste_of_share(scene, crop, config.fixed_share, rng)
        return
    place = None if rng.random() < config.anywhere else _place_on_ground(scene, rng, 0.05, 0.9)
    _paste(scene, crop, place or _place_anywhere(scene, rng), rng)


def _paste_distractor(scene: Scene, bank: ObjectBank, rng: Generator) -> None:
    place = _place_on_ground(scene, rng, 0.5, 1.6)
    if place is not None and bank.distractors:
        _paste(scene, draw(bank.distractors, rng), place, rng)


@dataclass(frozen=True)
class _Place:
    x: int
    base: int
    height: int
    grounded: bool


def _place_on_ground(scene: Scene, rng: Generator, smallest: float, largest: float) -> _Place | None:
    """Pick a foot point on the ground; the height is a share of the camera's height above the ground there."""
    classes = (ROAD,) if rng.random() < 0.8 else GROUND
    rows, columns = np.where(np.isin(scene.labels[::4, ::4], classes))
    below = rows * 4 > scene.horizon + 6
    if below.sum() < 20:
        return None
    rows, columns = rows[below] * 4, columns[below] * 4
    # Uniform in the distance to the horizon on a logarithmic scale, else nearly all objects would stand close by.
    weights = 1.0 / (rows - scene.horizon)
    pick = int(rng.choice(len(rows), p=weights / weights.sum()))
    share = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
    height = share * (rows[pick] - scene.horizon)
    height = int(np.clip(height, 4, 0.75 * scene.image.shape[0]))
    return _Place(int(columns[pick]), int(rows[pick]), height, True)


def _place_anywhere(scene: Scene, rng: Generator) -> _Place:
    h, w = scene.image.shape[:2]
    height = int(np.exp(rng.uniform(np.log(8), np.log(0.6 * h))))
    return _Place(int(rng.integers(w)), int(rng.integers(h // 6, h + height // 2)), height, False)


def _paste_of_share(scene: Scene, crop: ObjectCrop, share: float, rng: Generator) -> None:
    """Paste a crop, neither stretched nor turned, so that it covers a share of the scene, somewhere inside."""
    h, w = scene.image.shape[:2]
    rows, columns = crop.alpha.shape
    scale = math.sqrt(share * h * w / max(1.0, float(crop.alpha.sum())))
    height, width = (max(3, min(round(side * scale), room)) for side, room in ((rows, h), (columns, w)))
    step = -1 if rng.random() < 0.5 else 1
    piece = _resize(crop.color[:, ::step], crop.alpha[:, ::step], width, height)
    x, base = int(rng.integers(width // 2, w - (width + 1) // 2 + 1)), int(rng.integers(height, h + 1))
    _blend(scene, piece, crop.train_id, _Place(x, base, height, False), rng)


def _paste(scene: Scene, crop: ObjectCrop, place: _Place, rng: Generator) -> None:
    _blend(scene, _warp(crop, place.height, rng), crop.train_id, place, rng)


_Piece = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Color `[h, w, 3]` and alpha `[h, w]` of an object at the size at which it is pasted."""


def _blend(scene: Scene, piece_at_size: _Piece, train_id: int | None, place: _Place, rng: Generator) -> None:
    color, alpha = piece_at_size
    margin = 3 + round(2 * scene.softness)
    color = np.pad(color, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    soft = _soften(np.pad(alpha, margin), rng.uniform(0.3, 1.1), scene)
    h, w = soft.shape
    top, left = place.base - h + margin, place.x - w // 2
    target, source = _overlap(scene.image.shape[:2], top, left, h, w)
    if target is None or source is None:
        return
    if place.grounded and rng.random() < 0.85:
        _cast_shadow(scene, place, w - 2 * margin, rng)
    background = scene.image[target].astype(np.float32)
    piece = _match_colors(color[source].astype(np.float32), soft[source], background, rng)
    if rng.random() < 0.4:
        piece = _soften(piece, rng.uniform(0.3, 1.0), scene)
    elif scene.softness > 0:
        piece = _blur(piece, scene.softness)
    mix = soft[source][..., None]
    scene.image[target] = np.clip(background * (1 - mix) + piece * mix, 0, 255).astype(np.uint8)
    inside, edge = soft[source] > 0.5, (soft[source] > 0.12) & (soft[source] <= 0.5)
    _write(scene, target, inside, edge, train_id)


def _write(
    scene: Scene, target: tuple[slice, slice], inside: NDArray[np.bool_], edge: NDArray[np.bool_], train_id: int | None
) -> None:
    outlier, labels, confidence = scene.outlier[target], scene.labels[target], scene.confidence[target]
    outlier[inside] = ANOMALY if train_id is None else NORMAL
    if train_id is None:
        outlier[edge & (outlier != ANOMALY)] = IGNORED
    labels[inside | edge] = IGNORE
    if train_id is not None:
        labels[inside] = train_id
        confidence[inside] = SURE // 2


def _warp(crop: ObjectCrop, height: int, rng: Generator) -> _Piece:
    """Flip, stretch, turn a little and resize to `height` px."""
    color, alpha = crop.color, crop.alpha
    if rng.random() < 0.5:
        color, alpha = color[:, ::-1], alpha[:, ::-1]
    if crop.train_id is None and rng.random() < 0.5:
        color, alpha = _turn(color, alpha, rng.uniform(-25, 25))
    h, w = alpha.shape
    width = max(3, min(round(height * w / h * rng.uniform(0.8, 1.25)), 6 * height))
    return _resize(color, alpha, width, height)


def _resize(color: NDArray[np.uint8], alpha: NDArray[np.float32], width: int, height: int) -> _Piece:
    interpolation = cv2.INTER_AREA if height < alpha.shape[0] else cv2.INTER_LINEAR
    size = (width, height)
    return (
        np.asarray(cv2.resize(np.ascontiguousarray(color), size, interpolation=interpolation), np.uint8),
        np.asarray(cv2.resize(np.ascontiguousarray(alpha), size, interpolation=interpolation), np.float32),
    )


def _turn(
    color: NDArray[np.uint8], alpha: NDArray[np.float32], degrees: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    h, w = alpha.shape
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1.0)
    cosine, sine = abs(turn[0, 0]), abs(turn[0, 1])
    size = (int(h * sine + w * cosine) + 1, int(h * cosine + w * sine) + 1)
    turn[:, 2] += (size[0] / 2 - w / 2, size[1] / 2 - h / 2)
    turned = cv2.warpAffine(np.ascontiguousarray(color), turn, size, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(np.ascontiguousarray(alpha), turn, size)
    rows, columns = np.where(mask > 0.3)
    if len(rows) < 4:
        return color, alpha
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return np.asarray(turned, np.uint8)[box], np.asarray(mask, np.float32)[box]


def _match_colors(
    piece: NDArray[np.float32], alpha: NDArray[np.float32], background: NDArray[np.float32], rng: Generator
) -> NDArray[np.float32]:
    """Move mean and spread of the object part of the way to those of what lies around it."""
    inside = alpha > 0.5
    if not inside.any():
        return piece
    mean, spread = piece[inside].mean(0), piece[inside].std(0) + 4
    around_mean, around_spread = background.mean((0, 1)), background.std((0, 1)) + 4
    pull = rng.uniform(0, 0.75)
    gain = np.clip((1 - pull) + pull * around_spread / spread, 0.4, 1.4)
    matched = (piece - mean) * gain + mean * (1 - pull) + around_mean * pull
    return np.asarray(matched * rng.uniform(0.75, 1.2) + rng.normal(0, 4, 3), np.float32)


def _cast_shadow(scene: Scene, place: _Place, width: int, rng: Generator) -> None:
    """Darken the ground around the foot of an object by a blurred ellipse."""
    h, w = scene.image.shape[:2]
    half = max(2, round(width * rng.uniform(0.45, 0.8)))
    depth = max(1, round(half * rng.uniform(0.1, 0.35)))
    pad = half + depth
    top, left = place.base - pad, place.x + round(width * rng.uniform(-0.3, 0.3)) - pad
    target, source = _overlap((h, w), top, left, 2 * pad, 2 * pad)
    if target is None or source is None:
        return
    shade: NDArray[np.float32] = np.zeros((2 * pad, 2 * pad), np.float32)
    cv2.ellipse(shade, (pad, pad), (half, depth), 0, 0, 360, rng.uniform(0.15, 0.7), -1)
    shade = _blur(shade, max(0.6, depth * 0.5))
    darker = scene.image[target] * (1 - shade[source][..., None])
    scene.image[target] = darker.astype(np.uint8)


def paste_ground_patch(scene: Scene, textures: Sequence[NDArray[np.uint8]], rng: Generator) -> None:
    """Recolor a flat piece of ground (a repair, a stain, a shadow, paint): it stays normal."""
    place = _place_on_ground(scene, rng, 0.05, 1.2)
    if place is None:
        return
    half = max(3, place.height)
    depth = max(2, round(half * rng.uniform(0.1, 0.4)))
    target, source = _overlap(scene.image.shape[:2], place.base - depth, place.x - half, 2 * depth, 2 * half)
    if target is None or source is None:
        return
    mask: NDArray[np.float32] = np.zeros((2 * depth, 2 * half), np.float32)
    corners = rng.uniform(0, 1, (int(rng.integers(4, 9)), 2)) * (2 * half, 2 * depth)
    cv2.fillConvexPoly(mask, cv2.convexHull(corners.astype(np.int32)), 1.0)
    mask = _soften(mask, rng.uniform(0.4, 2.0), scene)[source]
    flat = np.isin(scene.labels[target], GROUND)
    mix = (mask * flat)[..., None]
    ground = scene.image[target].astype(np.float32)
    if rng.random() < 0.25 and textures:
        grain = _grain(textures, mask.shape, rng)
        changed = ground + grain * rng.uniform(0.1, 0.5)
    else:
        changed = ground * rng.uniform(0.45, 1.5) + rng.normal(0, 8, 3)
    scene.image[target] = np.clip(ground * (1 - mix) + changed * mix, 0, 255).astype(np.uint8)


def paste_marking(scene: Scene, rng: Generator) -> None:
    """Paint a line or a sign on the road, white or yellow, more or less worn: it stays normal."""
    place = _place_on_ground(scene, rng, 0.03, 0.6)
    if place is None:
        return
    ahead = place.base - scene.horizon
    length, width = place.height, max(1.0, ahead * rng.uniform(0.03, 0.25))
    top = max(0.05, 1 - length / ahead)
    shift = rng.uniform(-1.5, 1.5) * length
    far = shift, -0.7 * length
    outline = np.array([[0, 0], [width, 0], [far[0] + width * top, far[1]], far])
    corners = np.add(outline, (place.x, place.base))
    mask: NDArray[np.float32] = np.zeros(scene.labels.shape, np.float32)
    cv2.fillConvexPoly(mask, corners.round().astype(np.int32), 1.0, cv2.LINE_AA)
    box = np.s_[max(0, place.base - length - 3) : place.base + 4]
    worn = rng.normal(rng.uniform(0.5, 1.0), 0.15, mask[box].shape).clip(0, 1)
    mix = (_soften(mask[box], rng.uniform(0.4, 0.9), scene) * (scene.labels[box] == ROAD) * worn)[..., None]
    paint = np.full(3, rng.uniform(150, 255)) * ((1, 1, 1) if rng.random() < 0.8 else (0.35, 0.85, 1.0))
    scene.image[box] = np.clip(scene.image[box] * (1 - mix) + paint * mix, 0, 255).astype(np.uint8)


def _grain(textures: Sequence[NDArray[np.uint8]], size: tuple[int, ...], rng: Generator) -> NDArray[np.float32]:
    photo = textures[int(rng.integers(len(textures)))]
    grey = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY).astype(np.float32)
    grain = cv2.resize(grey - cv2.GaussianBlur(grey, (0, 0), 5), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(grain, np.float32)[..., None]


def _blur(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _soften(values: NDArray[np.float32], sigma: float, scene: Scene) -> NDArray[np.float32]:
    return _blur(values, math.hypot(sigma, scene.softness))


def _overlap(
    size: tuple[int, ...], top: int, left: int, height: int, width: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | tuple[None, None]:
    y0, y1 = max(0, top), min(size[0], top + height)
    x0, x1 = max(0, left), min(size[1], left + width)
    if y1 - y0 < 2 or x1 - x0 < 2:
        return None, None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
