"""What JPEG does to a picture, on the device: rounding of 8x8 cosine transforms of brightness and halved color."""

from __future__ import annotations

import functools

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fishy_ros.training.device_augment.operations import to_device

BLOCK: int = 8
BRIGHTNESS = """
16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99
"""
COLOR = """
17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99
"""
"""Example quantisation tables of the standard (ITU-T T.81, tables K.1 and K.2), by rows."""


def compress(pictures: Tensor, quality: NDArray[np.int64]) -> Tensor:
    """Compress and decompress BGR pictures float32 `[K, 3, H, W]` in 0..255, each with its quality of 1 to 100.

    H and W are multiples of 16.
    """
    blue, green, red = pictures.unbind(1)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    color = torch.stack([(blue - y) / 1.772, (red - y) / 1.402], dim=1)
    y = _round(y[:, None] - 128, BRIGHTNESS, quality)[:, 0] + 128
    color = _round(F.avg_pool2d(color, 2), COLOR, quality)
    cb, cr = F.interpolate(color, scale_factor=2.0, mode="bilinear").unbind(1)
    restored = torch.stack([y + 1.772 * cb, y - 0.344136 * cb - 0.714136 * cr, y + 1.402 * cr], dim=1)
    return restored.clamp(0, 255)


def _round(planes: Tensor, table: str, quality: NDArray[np.int64]) -> Tensor:
    k, channels, height, width = planes.shape
    blocks = planes.view(k, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(3, 4)
    transform = to_device(_cosines(), planes.device)
    steps = to_device(_steps(table, quality), planes.device)[:, None, None, None]
    kept = ((transform @ blocks @ transform.T) / steps).round() * steps
    return (transform.T @ kept @ transform).transpose(3, 4).reshape(k, channels, height, width)


def _steps(table: str, quality: NDArray[np.int64]) -> NDArray[np.float64]:
    """Scale a table as the reference implementation of the Independent JPEG Group does, `[K, 8, 8]`."""
    base = np.array(table.split(), np.float64).reshape(BLOCK, BLOCK)
    percent = np.where(quality < 50, 5000 // np.maximum(quality, 1), 200 - 2 * quality)
    return np.asarray(np.clip(np.floor((base * percent[:, None, None] + 50) / 100), 1, 255))


@functools.cache
def _cosines() -> NDArray[np.float64]:
    """Return the orthonormal cosine transform of length 8, `[frequency, place]`."""
    frequency, place = np.mgrid[:BLOCK, :BLOCK]
    matrix = np.cos((2 * place + 1) * frequency * np.pi / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix)
