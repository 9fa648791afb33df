"""Small operations on batches that know a different strength for each picture."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

BLUR_RADIUS_SIGMAS: float = 3.0
"""A Gaussian is cut off beyond so many standard deviations, where 0.3 % of it lie."""


def to_device(values: NDArray[np.generic], device: torch.device) -> Tensor:
    """Copy random numbers drawn on the host to the device without waiting for it; float64 becomes float32."""
    array = values.astype(np.float32) if values.dtype == np.float64 else values
    return torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True)


def blur(pictures: Tensor, sigmas: NDArray[np.float64]) -> Tensor:
    """Blur each picture of `[K, C, H, W]` with a Gaussian of its own; 0 leaves a picture as it is. Borders mirror."""
    k, channels, height, width = pictures.shape
    radius = min(math.ceil(BLUR_RADIUS_SIGMAS * max(float(sigmas.max()), 1e-3)), height - 1, width - 1)
    offsets = np.arange(-radius, radius + 1)
    kernels = np.exp(-0.5 * np.square(offsets / np.maximum(sigmas, 1e-3)[:, None]))
    kernels = np.repeat(kernels / kernels.sum(axis=1, keepdims=True), channels, axis=0)
    weights = to_device(kernels, pictures.device).to(pictures.dtype)
    flat = F.pad(pictures.reshape(1, k * channels, height, width), (radius,) * 4, mode="reflect")
    flat = F.conv2d(flat, weights[:, None, None, :], groups=k * channels)
    flat = F.conv2d(flat, weights[:, None, :, None], groups=k * channels)
    return flat.view(k, channels, height, width)


def soft_step(distance: Tensor, sigma: Tensor) -> Tensor:
    """Return how much of a blurred half plane lies `distance` px inside its edge: 0 far outside, 1 far inside."""
    return torch.special.ndtr(distance / sigma)


def grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the coordinates of pixel centres, `[H, 1]` and `[1, W]`; the corner of the picture is 0."""
    rows = torch.arange(height, device=device, dtype=torch.float32) + 0.5
    columns = torch.arange(width, device=device, dtype=torch.float32) + 0.5
    return rows[:, None], columns[None]
