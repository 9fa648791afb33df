"""One frame under every method, as in the figures of the papers."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.arrays import read_npy
from fishy_ros.errors import ConfigError
from fishy_ros.training.methods.catalogue import METHODS
from fishy_ros.types import ImageArray

TILE: tuple[int, int] = (256, 128)
"""Width and height of a frame in the picture, px."""

CAPTION: int = 18
COLUMNS: int = 4
CLIPPED: tuple[float, float] = (0.02, 0.998)
"""Quantiles of a map that become the ends of the colors: single pixels do not decide them."""


def draw_methods(maps: Path, frame: str, image: ImageArray | None = None) -> ImageArray:
    """Draw the maps `HEAD/FRAME.npy` that `fishy evaluate --maps` wrote for one set, the frame itself first.

    Raises:
        ConfigError: there is no map of that frame, or one cannot be read.
    """
    tiles = [] if image is None else [_tile(image, "image")]
    for method in METHODS:
        path = maps / method.head / f"{frame}.npy"
        if path.is_file() and not method.training:  # maps are those of one network
            with path.open("rb") as file:
                score = read_npy(file, path.stat().st_size, path, ConfigError)
            tiles.append(_tile(_colored(score), method.head))
    if len(tiles) == (image is not None):
        raise ConfigError(f"{maps}: no HEAD/{frame}.npy; run `fishy evaluate` with --maps")
    rows = math.ceil(len(tiles) / COLUMNS)
    tiles += [np.full_like(tiles[0], 255)] * (rows * COLUMNS - len(tiles))
    lines = [np.hstack(tiles[row * COLUMNS : (row + 1) * COLUMNS]) for row in range(rows)]
    return np.vstack(lines)


def _colored(score: NDArray[np.float32]) -> ImageArray:
    low, high = np.quantile(score, CLIPPED)
    scaled = np.clip((score - low) / max(float(high - low), 1e-9), 0, 1)
    return np.asarray(cv2.applyColorMap((255 * scaled).astype(np.uint8), cv2.COLORMAP_TURBO), np.uint8)


def _tile(picture: ImageArray, caption: str) -> ImageArray:
    resized = cv2.resize(picture, TILE, interpolation=cv2.INTER_AREA)
    tile = np.pad(resized, ((CAPTION, 2), (0, 2), (0, 0)), constant_values=255)
    cv2.putText(tile, caption, (3, CAPTION - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)
