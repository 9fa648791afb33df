"""Geometric and photometric augmentation of training crops."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fishy_ros.training.paste import Scene
from fishy_ros.training.sources import TrainingImage


@dataclass(frozen=True)
class AugmentConfig:
    """Crop size and strength of the augmentation."""

    height: int = 320
    width: int = 640
    reference_width: int = 1024
    """Width of a whole street at scale 1, the width at which the network will read it."""
    scale: tuple[float, float] = (0.65, 1.5)
    stretch: float = 0.12
    photometric: float = 1.0
    """Probability factor of the photometric changes."""
    softness: float = 0.0
    """Blur of what is pasted into an enlarged image, in px of that image, so that it is no sharper than the rest."""


@dataclass(frozen=True)
class Region:
    """The part of an image that a crop shows; `x`, `y`, `width` and `height` are px of the image."""

    x: int
    y: int
    width: int
    height: int
    mirrored: bool
    horizon: float
    """Row of the crop, possibly outside it."""
    softness: float
    """Standard deviation in px of the crop of the blur that enlarging leaves."""


def draw_region(height: int, width: int, horizon: float, config: AugmentConfig, rng: Generator) -> Region:
    """Draw place, size and direction of a crop in an image of `height` x `width` px; `horizon` is a fraction of it."""
    zoom = float(np.exp(rng.uniform(np.log(config.scale[0]), np.log(config.scale[1]))))
    stretch = float(np.exp(rng.uniform(-config.stretch, config.stretch)))
    region_w = min(width, round(config.width * width / config.reference_width / zoom * stretch))
    region_h = min(height, round(region_w * config.height / config.width / stretch))
    x = int(rng.integers(width - region_w + 1))
    y = int(rng.integers(height - region_h + 1))
    mirrored = bool(rng.random() < 0.5)
    row = (horizon * height - y) * config.height / region_h
    enlargement = max(1.0, config.width / region_w)
    return Region(x, y, region_w, region_h, mirrored, row, config.softness * math.sqrt(enlargement**2 - 1))


def random_crop(source: TrainingImage, config: AugmentConfig, rng: Generator) -> Scene:
    """Cut a random region, resize it to the crop size and flip it half of the time."""
    height, width = source.labels.shape
    region = draw_region(height, width, source.horizon, config, rng)
    box = np.s_[region.y : region.y + region.height, region.x : region.x + region.width]
    size = (config.width, config.height)
    interpolation = cv2.INTER_AREA if region.width > config.width else cv2.INTER_LINEAR
    image = cv2.resize(source.image[box], size, interpolation=interpolation)
    labels = cv2.resize(source.labels[box], size, interpolation=cv2.INTER_NEAREST)
    confidence = cv2.resize(source.confidence[box], size, interpolation=cv2.INTER_NEAREST)
    outlier = cv2.resize(source.outlier[box], size, interpolation=cv2.INTER_NEAREST)
    step = -1 if region.mirrored else 1
    return Scene(
        np.array(image[:, ::step], np.uint8),
        np.array(labels[:, ::step], np.uint8),
        np.array(confidence[:, ::step], np.uint8),
        region.horizon,
        np.array(outlier[:, ::step], np.uint8),
        region.softness,
    )


def change_photometry(image: NDArray[np.uint8], probability: float, rng: Generator) -> NDArray[np.uint8]:
    """Change light, color, weather, focus, noise and compression of a BGR image, each with its own probability."""

    def happens(chance: float) -> bool:
        return rng.random() < chance * probability

    tones = np.arange(256, dtype=np.float32)
    if happens(0.8):
        tones = 255 * (tones / 255) ** np.exp(rng.uniform(-0.5, 0.5))
        tones = (tones - 128) * rng.uniform(0.7, 1.3) + 128 + rng.uniform(-25, 25)
    x = np.asarray(cv2.LUT(image, tones.astype(np.float32)), np.float32)
    if happens(0.6):
        grey = x.mean(axis=2, keepdims=True)
        x = grey + (x - grey) * rng.uniform(0.3, 1.6)
        x = x * rng.uniform(0.88, 1.12, 3).astype(np.float32)
    if happens(0.15):
        x = _add_light(x, rng)
    if happens(0.08):
        x = _add_fog(x, rng)
    if happens(0.2):
        x = np.asarray(cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.3)), np.float32)
    elif happens(0.15):
        x = x + (x - cv2.GaussianBlur(x, (0, 0), 1.2)) * rng.uniform(0.2, 1.0)
    if happens(0.4):
        x = x + np.float32(rng.uniform(1, 9)) * rng.standard_normal(x.shape, np.float32)
    result = np.clip(x, 0, 255).astype(np.uint8)
    if happens(0.3):
        ok, packed = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 92))])
        if ok:
            result = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return result


def _add_light(x: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Brighten or darken by a smooth random field: sun patches and shade."""
    field = rng.uniform(0.5, 1.5, (int(rng.integers(2, 6)), int(rng.integers(2, 8)))).astype(np.float32)
    return x * cv2.resize(field, (x.shape[1], x.shape[0]), interpolation=cv2.INTER_CUBIC)[..., None]


def _add_fog(x: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Mix towards a pale grey, more at the top of the crop, where it is far away."""
    strength = np.linspace(rng.uniform(0.2, 0.7), rng.uniform(0, 0.2), x.shape[0], dtype=np.float32)[:, None, None]
    return x * (1 - strength) + rng.uniform(150, 230) * strength
