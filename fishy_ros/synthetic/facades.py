"""The facades on one side of the street, as an upright texture seen in perspective."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.synthetic.buildings import HIGHEST, METRE, Facade
from fishy_ros.synthetic.camera import StreetCamera
from fishy_ros.synthetic.canvas import Canvas
from fishy_ros.synthetic.style import StreetStyle

FARTHEST = 240.0
"""Metres at which the facades end and the skyline begins."""

LEVELS = 6


class FacadeSide:
    """One side of the street: its texture at several widths, and where each column of the picture looks."""

    def __init__(self, facade: Facade, style: StreetStyle, camera: StreetCamera, side: int) -> None:
        """Prepare the side -1 (left) or 1 (right)."""
        self._pyramid = _pyramid(facade)
        offset = abs(side * style.wall - camera.x)
        columns = np.arange(camera.width)
        aside = (columns + 0.5 - camera.centre_x) * side
        distance = np.divide(offset * camera.focal, aside, out=np.full(camera.width, np.inf), where=aside > 0)
        footprint = np.square(distance) / (camera.focal * offset) * METRE
        level = np.clip(np.ceil(np.log2(np.maximum(footprint, 1)) - 0.3), 0, LEVELS - 1)
        level[distance > FARTHEST] = -1
        self._bands = [
            _Band(camera, style, columns[level == step], distance[level == step], step)
            for step in range(LEVELS)
            if (level == step).any()
        ]

    def draw(self, canvas: Canvas, z: float) -> None:
        """Draw the side as seen from `z`."""
        for band in self._bands:
            band.draw(canvas, *self._pyramid[band.level], z)


class _Band:
    """Neighbouring columns of the picture that use the same copy of the texture."""

    def __init__(
        self,
        camera: StreetCamera,
        style: StreetStyle,
        columns: NDArray[np.int64],
        distance: NDArray[np.float64],
        level: int,
    ) -> None:
        self.level = level
        self._left, self._right = int(columns[0]), int(columns[-1]) + 1
        self._bottom = min(int(np.ceil(camera.centre_y + camera.focal * camera.y / distance.min())) + 1, camera.height)
        rows = np.arange(self._bottom, dtype=np.float32)[:, None] + 0.5 - camera.centre_y
        height = camera.y - rows * distance[None].astype(np.float32) / camera.focal
        self._down = ((HIGHEST - height) * METRE - 0.5).astype(np.float32)
        self._distance = distance.astype(np.float32)
        clear = np.broadcast_to(0.5 ** (self._distance / style.haze_distance), self._down.shape)
        self._clear = cv2.merge([(255 * clear).astype(np.uint8)] * 3)
        self._air = ((1 - clear)[..., None] * np.array(style.haze)).astype(np.uint8)

    def draw(self, canvas: Canvas, texture: NDArray[np.uint8], ids: NDArray[np.uint8], z: float) -> None:
        period = texture.shape[1] - 2
        along = ((self._distance + z) * (METRE / 2**self.level) - 0.5) % period
        along_map = np.ascontiguousarray(np.broadcast_to(along.astype(np.float32)[None], self._down.shape))
        patch = cv2.remap(texture, along_map, self._down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        things = cv2.remap(ids, along_map, self._down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
        alpha = patch[..., 3]
        cover = cv2.merge([alpha] * 3)
        image = canvas.image[: self._bottom, self._left : self._right]
        behind = cv2.multiply(image, cv2.bitwise_not(cover), scale=1 / 255)
        seen = cv2.multiply(cv2.cvtColor(patch, cv2.COLOR_BGRA2BGR), self._clear, scale=1 / 255)
        cv2.add(cv2.add(behind, seen), cv2.multiply(self._air, cover, scale=1 / 255), dst=image)
        np.copyto(canvas.ids[: self._bottom, self._left : self._right], things, where=alpha >= 128)


def _pyramid(facade: Facade) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    levels = []
    texture, ids = facade.texture, facade.ids
    for _ in range(LEVELS):
        levels.append((np.hstack([texture, texture[:, :2]]), np.hstack([ids, ids[:, :2]])))
        half = cv2.resize(texture, (texture.shape[1] // 2, texture.shape[0]), interpolation=cv2.INTER_AREA)
        texture = half.astype(np.uint8, copy=False)
        ids = np.ascontiguousarray(ids[:, ::2][:, : texture.shape[1]])
    return levels
