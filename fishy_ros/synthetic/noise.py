"""Smooth random textures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[np.float32]


def smooth_noise(random: np.random.Generator, height: int, width: int, rows: int, columns: int) -> FloatMap:
    """Interpolate a grid of `rows` x `columns` normal values to `[height, width]`; tiles without seams."""
    margin = 2
    grid = np.pad(random.standard_normal((rows, columns)).astype(np.float32), margin, mode="wrap")
    above, left = -(-height * margin // rows), -(-width * margin // columns)
    size = (round(width * grid.shape[1] / columns), round(height * grid.shape[0] / rows))
    resized = cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(resized[above : above + height, left : left + width])


def fractal_noise(
    random: np.random.Generator, height: int, width: int, cells: tuple[int, int], octaves: int
) -> FloatMap:
    """Sum octaves of `smooth_noise`, each twice as fine and 0.6 times as strong, to a deviation of 1."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        rows, columns = cells[0] << octave, cells[1] << octave
        if rows >= height or columns >= width:
            break
        total += 0.6**octave * smooth_noise(random, height, width, rows, columns)
    return total / max(float(total.std()), 1e-6)
