"""Procedural objects: shapes nobody photographed, shaded and textured, to paste as outliers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fishy_ros.training.object_crops import ObjectCrop

_SIDE = 128


def random_object(rng: Generator, textures: Sequence[NDArray[np.uint8]]) -> ObjectCrop:
    """Draw a box, board, ball, tyre, cone, bottle, heap or cloth; half of them wear a piece of a photograph.

    `textures` are BGR photographs of any content, at least 32 px a side.
    """
    shape = _SHAPES[int(rng.integers(len(_SHAPES)))]
    mask, shade = shape(rng)
    surface = _photograph(rng, textures) if textures and rng.random() < 0.5 else _paint(rng)
    light = np.clip(shade + rng.normal(0, 0.03, shade.shape), 0.05, 1.6)
    color = np.clip(surface * light[..., None], 0, 255).astype(np.uint8)
    rows, columns = np.where(mask > 0.5)
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return ObjectCrop(color[box], mask[box].astype(np.float32))


def _paint(rng: Generator) -> NDArray[np.float64]:
    base = rng.uniform(15, 240, 3) if rng.random() < 0.6 else np.full(3, rng.uniform(15, 240))
    surface = np.broadcast_to(base, (_SIDE, _SIDE, 3)).astype(np.float64)
    coarse = rng.normal(0, rng.uniform(2, 25), (int(rng.integers(3, 24)), int(rng.integers(3, 24)), 1))
    surface = surface + cv2.resize(coarse, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)[..., None]
    if rng.random() < 0.3:
        period, slant = rng.uniform(8, 40), rng.uniform(-1, 1)
        y, x = np.mgrid[:_SIDE, :_SIDE]
        stripes = np.sin((x * (1 - abs(slant)) + y * slant) * 2 * np.pi / period) > rng.uniform(-0.5, 0.8)
        surface = np.where(stripes[..., None], rng.uniform(15, 240, 3), surface)
    return surface


def _photograph(rng: Generator, textures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    photo = textures[int(rng.integers(len(textures)))]
    side = int(rng.integers(24, min(photo.shape[:2]) + 1))
    y = int(rng.integers(photo.shape[0] - side + 1))
    x = int(rng.integers(photo.shape[1] - side + 1))
    return cv2.resize(photo[y : y + side, x : x + side], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(float)


Shape = tuple[NDArray[np.float64], NDArray[np.float64]]


def _grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.mgrid[:_SIDE, :_SIDE]
    return (x + 0.5) / _SIDE * 2 - 1, (y + 0.5) / _SIDE * 2 - 1


def _box(rng: Generator) -> Shape:
    split, lid, lean = rng.uniform(-0.6, 0.9), rng.uniform(0.05, 0.5), rng.uniform(0, 0.3)
    x, y = _grid()
    away = np.abs(x - split)
    front = rng.uniform(0.5, 1.0), rng.uniform(0.3, 0.8)
    shade = np.where(y < -1 + lid + lean * away, rng.uniform(0.9, 1.3), np.where(x < split, *front))
    mask = (np.abs(x) < 0.97) & (y > -1 + lean * away) & (y < 1 - lean * away)
    return mask.astype(float), shade


def _board(rng: Generator) -> Shape:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (1, rng.uniform(0.1, 0.6))
    corners = corners + rng.uniform(-0.15, 0.15, corners.shape)
    angle = rng.uniform(-0.9, 0.9)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = corners @ turn.T
    points = (points - points.min(0)) / np.ptp(points, axis=0).max() * (_SIDE - 2)
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.fillConvexPoly(mask, points.round().astype(np.int32), 1)
    x, _ = _grid()
    return mask.astype(float), rng.uniform(0.5, 1.1) + rng.uniform(-0.3, 0.3) * x


def _ball(rng: Generator) -> Shape:
    x, y = _grid()
    y = y * rng.uniform(0.9, 1.4)
    radius = x**2 + y**2
    towards = rng.uniform(-0.7, 0.7)
    height = np.sqrt(np.clip(1 - radius, 0, 1))
    shade = 0.35 + 0.8 * np.clip(height * 0.6 - y * 0.5 + x * towards * 0.4, 0, 1)
    return (radius < 0.97).astype(float), shade


def _tyre(rng: Generator) -> Shape:
    x, y = _grid()
    y = y / rng.uniform(0.4, 1.0)
    radius = np.sqrt(x**2 + y**2)
    inner = rng.uniform(0.35, 0.65)
    shade = np.where(radius < inner, rng.uniform(0.05, 0.6), 0.25 + 0.35 * np.abs(np.sin(radius * 9)) - 0.15 * y)
    return (radius < 0.97).astype(float), shade * rng.uniform(0.5, 1.0)


def _cone(rng: Generator) -> Shape:
    x, y = _grid()
    half = 0.08 + (y + 1) / 2 * rng.uniform(0.3, 0.7)
    mask = (np.abs(x) < half) | ((y > 0.85) & (np.abs(x) < 0.9))
    return mask.astype(float), 0.9 - 0.45 * x / (half + 0.1)


def _bottle(rng: Generator) -> Shape:
    x, y = _grid()
    body, neck, shoulder = rng.uniform(0.25, 0.9), rng.uniform(0.08, 0.25), rng.uniform(-0.6, 0.2)
    half = np.where(y > shoulder, body, neck + (body - neck) * np.clip((y + 1) / (shoulder + 1.01), 0, 1) ** 3)
    shade = 0.5 + 0.6 * np.sqrt(np.clip(1 - (x / (half + 1e-3)) ** 2, 0, 1)) - 0.2 * x
    mask = (np.abs(x) < half).astype(float)
    if rng.random() < 0.4:
        mask, shade = mask.T, shade.T
    return mask, shade


def _heap(rng: Generator) -> Shape:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radii = 0.65 + rng.uniform(0.05, 0.3) * np.convolve(rng.normal(size=26), np.ones(3) / 3, "valid")
    points = np.stack([np.cos(angles) * radii, np.sin(angles) * radii * rng.uniform(0.3, 1.0)], axis=1)
    points = (np.clip(points, -1, 1) + 1) / 2 * (_SIDE - 2)
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
    _, y = _grid()
    bumps = cv2.resize(rng.normal(0, 0.35, (9, 9)), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    return mask.astype(float), np.clip(0.75 + bumps - 0.25 * y, 0.1, 1.5)


_SHAPES: tuple[Callable[[Generator], Shape], ...] = (_box, _box, _board, _ball, _tyre, _cone, _bottle, _heap, _heap)
