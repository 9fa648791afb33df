"""The ground: asphalt with markings, repairs and manholes, kerbs and pavements, shaded by the facades."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.cityscapes import ROAD, SIDEWALK
from fishy_ros.synthetic.camera import StreetCamera
from fishy_ros.synthetic.canvas import Canvas
from fishy_ros.synthetic.noise import FloatMap, fractal_noise
from fishy_ros.synthetic.style import STREET_LENGTH, StreetStyle

ACROSS, ALONG = 36, 18
"""Pixels a metre of the ground's texture, across and along the street."""

LEVELS = 7
"""Copies of the texture, each half as long, so that far rows do not flicker."""


class Ground:
    """Everything that lies flat, painted into a texture that is seen in perspective."""

    def __init__(self, style: StreetStyle, camera: StreetCamera, light: FloatMap, random: np.random.Generator) -> None:
        """Paint the texture; `light` is the share of the sun that reaches the ground, as made by `sunlight`."""
        ground = _paint(style, random)
        ground *= (style.sky_light + 0.75 * style.sun * light)[..., None]
        self._pyramid = _pyramid(np.clip(ground, 0, 255).astype(np.uint8))
        self._top = int(np.ceil(camera.centre_y + 0.5))
        rows = np.arange(self._top, camera.height) + 0.5
        self._distance = (camera.focal * camera.y / (rows - camera.centre_y)).astype(np.float32)
        columns = np.arange(camera.width) + 0.5 - camera.centre_x
        x = camera.x + columns[None] * self._distance[:, None] / camera.focal
        self._across = ((x + style.wall) * ACROSS - 0.5).astype(np.float32)
        self._ids = np.where(np.abs(x) < style.road_half, ROAD, SIDEWALK).astype(np.uint8)
        footprint = self._distance**2 / (camera.focal * camera.y) * ALONG
        self._level = np.clip(np.ceil(np.log2(np.maximum(footprint, 1)) - 0.3), 0, LEVELS - 1).astype(int)

    @property
    def distance(self) -> NDArray[np.float32]:
        """Distance of the lowest rows of the picture, float32 `[rows]`, in m."""
        return self._distance

    def draw(self, canvas: Canvas, z: float) -> None:
        """Draw the ground as seen from `z`, below the horizon."""
        canvas.ids[self._top :] = self._ids
        for level, texture in enumerate(self._pyramid):
            rows = np.flatnonzero(self._level == level)
            if not rows.size:
                continue
            band = slice(rows[0], rows[-1] + 1)
            along = (self._distance[band] + z) * (ALONG / 2**level) % texture.shape[0] - 0.5
            along_map = np.broadcast_to(along[:, None].astype(np.float32), self._across[band].shape)
            across, down = self._across[band], np.ascontiguousarray(along_map)
            image = cv2.remap(texture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            canvas.image[self._top + rows[0] : self._top + rows[-1] + 1] = image


def ground_shape(style: StreetStyle) -> tuple[int, int]:
    """Return the size of the ground's texture in px: along, across."""
    return round(STREET_LENGTH * ALONG), round(2 * style.wall * ACROSS)


def sunlight(style: StreetStyle, left_height: FloatMap, right_height: FloatMap) -> FloatMap:
    """Compute which part of the ground the facades shade, float32 `[along, across]`, 1 in full sun.

    The heights, float32 `[n]` in m, are those of the facades along the street.
    """
    along, across = ground_shape(style)
    sun_x, sun_y, sun_z = style.sun_direction
    heights = left_height if sun_x < 0 else right_height
    height = cv2.resize(heights[None], (along, 1), interpolation=cv2.INTER_LINEAR)[0]
    from_wall = (np.arange(across, dtype=np.float32) + 0.5) / ACROSS
    if sun_x > 0:
        from_wall = from_wall[::-1]
    step = np.tan(np.arcsin(sun_y)) / max(abs(sun_x) / np.hypot(sun_x, sun_z), 0.2)
    shift = (from_wall * sun_z / max(abs(sun_x), 0.2) * ALONG).astype(int)
    source = (np.arange(along)[:, None] + shift[None]) % along
    lit = from_wall[None] * step - height[source]
    sun: FloatMap = np.clip(lit / 0.5 + 0.5, 0, 1).astype(np.float32)
    return sun


def _pyramid(texture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    levels = [texture]
    for _ in range(LEVELS - 1):
        length, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (width, length // 2), interpolation=cv2.INTER_AREA)
        levels.append(half.astype(np.uint8, copy=False))
    return levels


def _paint(style: StreetStyle, random: np.random.Generator) -> FloatMap:
    along, across = ground_shape(style)
    x = (np.arange(across, dtype=np.float32) + 0.5) / ACROSS - style.wall
    grain = np.tile(random.standard_normal((along // 8, across)).astype(np.float32), (8, 1))
    coarse = fractal_noise(random, along // 4, across // 4, (40, 5), 4)
    blotches = cv2.resize(coarse, (across, along), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
    wear = 5 * np.exp(-np.square((np.abs(x - style.road_half * 0.22) - 0.75) / 0.35))
    road = style.asphalt + 5 * grain + 6 * blotches + wear[None]
    ground: FloatMap = road[..., None] * np.array([1.02, 1.0, 0.98], np.float32)
    _repair(ground, style, random)
    _mark(ground, style, random)
    _pave(ground, x.astype(np.float32, copy=False), style, random, 3 * grain + 5 * blotches)
    return ground


def _repair(ground: FloatMap, style: StreetStyle, random: np.random.Generator) -> None:
    along, across = ground.shape[:2]
    for _ in range(26):
        row, column = int(random.integers(along - 200)), int(random.integers(across - 100))
        length, width = int(random.uniform(1, 9) * ALONG), int(random.uniform(0.6, 2.0) * ACROSS)
        ground[row : row + length, column : column + width] *= random.uniform(0.8, 1.1)
    for _ in range(22):
        points = np.cumsum(random.normal(0, [14, 9], (14, 2)), 0) + random.uniform((0, 0), (across, along))
        cv2.polylines(ground, [points.astype(np.int32)], False, (52, 52, 54), 2, cv2.LINE_AA)
    for _ in range(16):
        centre = (int(random.uniform(0.3, 0.7) * across), int(random.integers(along)))
        cv2.ellipse(ground, centre, (int(0.34 * ACROSS), int(0.34 * ALONG)), 0, 0, 360, (66, 68, 70), -1)
        cv2.ellipse(ground, centre, (int(0.34 * ACROSS), int(0.34 * ALONG)), 0, 0, 360, (120, 120, 120), 1)


def _mark(ground: FloatMap, style: StreetStyle, random: np.random.Generator) -> None:
    along = ground.shape[0]
    paint = random.uniform(195, 225)
    faded = 0.78 + 0.12 * random.standard_normal((along, 1, 1)).astype(np.float32)

    def stripe(x: float, width: float, rows: slice) -> None:
        left = round((x - width / 2 + style.wall) * ACROSS)
        area = ground[rows, left : left + round(width * ACROSS)]
        area += (paint - area) * np.clip(faded[rows], 0.4, 0.95)

    parking = style.road_half - 2.1
    for start in np.arange(0, STREET_LENGTH, 9.0):
        stripe(0.0, 0.14, slice(int(start * ALONG), int((start + 3.6) * ALONG)))
    for side in (-1, 1):
        stripe(side * parking, 0.12, slice(None))
    for start in random.choice(np.arange(40, STREET_LENGTH - 20, 40), 4, replace=False):
        for x in np.arange(-parking + 0.6, parking - 0.3, 1.0):
            stripe(float(x), 0.5, slice(int(start * ALONG), int((start + 3.2) * ALONG)))


def _pave(ground: FloatMap, x: FloatMap, style: StreetStyle, random: np.random.Generator, rough: FloatMap) -> None:
    along = ground.shape[0]
    tone = np.array([random.uniform(138, 152), random.uniform(140, 154), random.uniform(142, 160)], np.float32)
    slab_rows, slab_columns = round(0.5 * ALONG), round(0.4 * ACROSS)
    pavement = np.abs(x) >= style.road_half
    columns = np.flatnonzero(pavement)
    joints = (np.arange(along)[:, None] % slab_rows == 0) | (columns[None] % slab_columns < 2)
    slabs = random.normal(0, 5, (along // slab_rows + 1, ground.shape[1] // slab_columns + 1)).astype(np.float32)
    value = slabs[np.arange(along)[:, None] // slab_rows, columns[None] // slab_columns] + rough[:, columns]
    ground[:, columns] = tone + (value - 26 * joints)[..., None]
    edge = np.abs(np.abs(x) - style.road_half)
    ground[:, (edge < 0.16) & pavement] = 168 + rough[:, (edge < 0.16) & pavement][..., None]
    ground[:, (edge < 0.22) & ~pavement] *= 0.72
    near_wall = np.clip((style.wall - np.abs(x)) / 0.8, 0.55, 1)
    ground *= near_wall[None, :, None]
