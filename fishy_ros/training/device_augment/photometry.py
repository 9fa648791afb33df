"""Light, color, weather, focus, noise and compression of a batch of crops, each with random numbers of its own."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from fishy_ros.training.device_augment.compression import compress
from fishy_ros.training.device_augment.operations import blur, to_device


def change_photometry(image: Tensor, probability: float, rng: Generator, generator: torch.Generator) -> Tensor:
    """Change float32 BGR crops `[B, 3, H, W]` in 0..255 by the recipe of `augment.change_photometry`.

    Returns uint8 of the same shape.
    """
    count, device = len(image), image.device

    def happens(chance: float) -> NDArray[np.bool_]:
        return np.asarray(rng.random(count) < chance * probability)

    x = _tone(image, happens(0.8), rng)
    x = _color(x, happens(0.6), rng)
    for number in np.flatnonzero(happens(0.15)):
        x[int(number)] *= _light(x.shape[2:], rng, device)
    fog = happens(0.08)
    if fog.any():
        x = _fog(x, fog, rng)
    blurred = happens(0.2)
    sharpened = ~blurred & happens(0.15)
    focus = np.flatnonzero(blurred | sharpened)
    if len(focus):
        sigma = np.where(blurred[focus], rng.uniform(0.4, 1.3, len(focus)), 1.2)
        amount = np.where(blurred[focus], -1.0, rng.uniform(0.2, 1.0, len(focus)))
        chosen = to_device(focus, device)
        sharp = x[chosen]
        x[chosen] = sharp + (sharp - blur(sharp, sigma)) * to_device(amount, device)[:, None, None, None]
    level = to_device(rng.uniform(1, 9, count) * happens(0.4), device)[:, None, None, None]
    x = x + level * torch.randn(x.shape, generator=generator, device=device)
    x = x.clamp(0, 255).floor()
    packed = np.flatnonzero(happens(0.3))
    if len(packed):
        chosen = to_device(packed, device)
        x[chosen] = compress(x[chosen], rng.integers(25, 92, len(packed)))
    return x.round().to(torch.uint8)


def _tone(image: Tensor, happens: NDArray[np.bool_], rng: Generator) -> Tensor:
    count = len(happens)
    gamma = np.where(happens, np.exp(rng.uniform(-0.5, 0.5, count)), 1.0)
    contrast = np.where(happens, rng.uniform(0.7, 1.3, count), 1.0)
    brightness = np.where(happens, rng.uniform(-25, 25, count), 0.0)
    power, factor, shift = to_device(np.stack([gamma, contrast, brightness]), image.device)[..., None, None, None]
    return (255 * (image / 255).pow(power) - 128) * factor + 128 + shift


def _color(x: Tensor, happens: NDArray[np.bool_], rng: Generator) -> Tensor:
    count = len(happens)
    saturation = to_device(np.where(happens, rng.uniform(0.3, 1.6, count), 1.0), x.device)[:, None, None, None]
    gains = np.where(happens[:, None], rng.uniform(0.88, 1.12, (count, 3)), 1.0)
    grey = x.mean(dim=1, keepdim=True)
    return (grey + (x - grey) * saturation) * to_device(gains, x.device)[:, :, None, None]


def _light(size: torch.Size, rng: Generator, device: torch.device) -> Tensor:
    """Draw a smooth random field of brightness, `[1, H, W]`: sun patches and shade."""
    field = rng.uniform(0.5, 1.5, (1, 1, int(rng.integers(2, 6)), int(rng.integers(2, 8))))
    return F.interpolate(to_device(field, device), (size[0], size[1]), mode="bicubic")[0]


def _fog(x: Tensor, happens: NDArray[np.bool_], rng: Generator) -> Tensor:
    """Mix towards a pale grey, more at the top of the crop, where it is far away."""
    count, height = len(happens), x.shape[2]
    far, near = rng.uniform(0.2, 0.7, (count, 1)), rng.uniform(0, 0.2, (count, 1))
    strength = (far + (near - far) * np.linspace(0, 1, height)) * happens[:, None]
    mix = to_device(strength, x.device)[:, None, :, None]
    grey = to_device(rng.uniform(150, 230, count), x.device)[:, None, None, None]
    return x * (1 - mix) + grey * mix
