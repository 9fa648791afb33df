"""A row of houses with shops, windows, cornices and roofs, hedges in the gaps, painted flat."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.cityscapes import BUILDING, VEGETATION
from fishy_ros.synthetic.noise import FloatMap, fractal_noise
from fishy_ros.synthetic.style import STREET_LENGTH

METRE = 20
"""Pixels a metre of the texture."""

HIGHEST = 22.0
"""Height of the texture in m."""

_WALL_COLORS = (
    (186, 205, 214), (150, 186, 206), (196, 200, 200), (128, 150, 178), (92, 108, 150), (170, 190, 188),
    (206, 212, 214), (120, 160, 190), (140, 148, 152), (110, 122, 134), (160, 178, 206), (84, 96, 128),
)  # fmt: skip


@dataclass(frozen=True)
class Facade:
    """One side of the street: colors with alpha, ids and the height of the houses.

    `texture` is uint8 `[rows, columns, 4]` (BGR multiplied by alpha; the lowest row on the ground), `ids`
    uint8 `[rows, columns]`, `heights` float32 `[columns]` in m.
    """

    texture: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    heights: FloatMap


def build_facade(random: np.random.Generator, light: float) -> Facade:
    """Build a side whose walls receive the share `light` of full brightness."""
    rows, columns = round(HIGHEST * METRE), round(STREET_LENGTH * METRE)
    colors = np.zeros((rows, columns, 3), np.float32)
    ids = np.zeros((rows, columns), np.uint8)
    alpha = np.zeros((rows, columns), np.uint8)
    heights = np.zeros(columns, np.float32)
    left = 0
    while left < columns:
        width = int(random.uniform(9, 21) * METRE)
        right = columns if columns - left - width < 9 * METRE else left + width
        if random.random() < 0.16:
            right = min(left + int(random.uniform(4, 9) * METRE), columns)
            _hedge(colors, ids, alpha, slice(left, right), random)
            heights[left:right] = 2.0
        else:
            heights[left:right] = _house(colors, ids, alpha, slice(left, right), random)
        left = right
    stains = fractal_noise(random, rows // 2, columns // 8, (3, 60), 4)
    low = np.clip(0.72 + np.arange(rows)[::-1] / (METRE * 6), 0, 1).astype(np.float32)
    shade = 1 + 0.05 * cv2.resize(stains, (columns, rows), interpolation=cv2.INTER_LINEAR)
    shade *= light * low[:, None] * (alpha > 0)
    texture = np.empty((rows, columns, 4), np.uint8)
    for channel in range(3):
        texture[..., channel] = cv2.convertScaleAbs(colors[..., channel] * shade)
    texture[..., 3] = alpha
    return Facade(texture, ids, heights)


def _house(
    colors: FloatMap, ids: NDArray[np.uint8], alpha: NDArray[np.uint8], span: slice, random: np.random.Generator
) -> float:
    rows, width = colors.shape[0], span.stop - span.start
    ground_floor, floor = random.uniform(3.4, 4.2), random.uniform(2.9, 3.3)
    floors = int(random.integers(2, 5))
    eaves = ground_floor + floors * floor + 0.4
    roof = random.uniform(1.2, 3.2)
    height = min(eaves + roof, HIGHEST)
    house = colors[:, span]
    wall = np.array(_WALL_COLORS[random.integers(len(_WALL_COLORS))], np.float32) * random.uniform(0.85, 1.08)
    top, eaves_row = rows - round(height * METRE), rows - round(eaves * METRE)
    alpha[top:, span] = 255
    ids[top:, span] = BUILDING
    tiles = np.array(random.choice([(70, 82, 140), (72, 74, 78), (84, 92, 112)]), np.float32)
    house[top:eaves_row] = tiles * (0.9 + 0.12 * (np.arange(eaves_row - top) % 6 > 1))[:, None, None]
    house[eaves_row:] = wall
    if random.random() < 0.35:
        _bricks(house[eaves_row:], random)
    house[eaves_row : eaves_row + METRE // 3] = wall * 1.12
    house[eaves_row + METRE // 3 : eaves_row + METRE // 2] *= 0.75
    bay = width / max(round(width / METRE / random.uniform(2.4, 3.4)), 1)
    windows = _windows(random, round(random.uniform(0.95, 1.35) * METRE), round(random.uniform(1.5, 2.0) * METRE), wall)
    for storey in range(floors):
        base = rows - round((ground_floor + storey * floor + 0.75) * METRE)
        for column in np.arange(bay / 2, width, bay):
            _paste(house, windows[random.integers(len(windows))], base, int(column))
    _ground_floor(house, ground_floor, bay, wall, random)
    house[:, :2] *= 0.8
    house[:, -2:] *= 0.8
    return height


def _bricks(wall: FloatMap, random: np.random.Generator) -> None:
    rows, columns = wall.shape[:2]
    row, column = np.arange(rows)[:, None] // 3, np.arange(columns)[None]
    tone = random.normal(1, 0.035, (rows // 3 + 1, columns // 6 + 2)).astype(np.float32)
    wall *= tone[row, (column + 3 * (row % 2)) // 6][..., None]
    wall[::3] *= 1.06


def _windows(random: np.random.Generator, width: int, height: int, wall: FloatMap) -> list[FloatMap]:
    frame = np.array([225, 228, 230], np.float32) * (0.35 if random.random() < 0.25 else random.uniform(0.85, 1.0))
    surround = np.clip(wall * random.uniform(0.85, 1.2), 0, 245)
    windows: list[FloatMap] = []
    for _ in range(6):
        window = np.empty((height + 10, width + 10, 3), np.float32)
        window[:] = surround
        window[-6:] = surround * 1.1
        glass = np.linspace(random.uniform(70, 150), random.uniform(30, 60), height - 4, dtype=np.float32)
        pane = glass[:, None, None] * np.array([1.12, 1.03, 0.94], np.float32) + np.zeros((1, width - 4, 1), np.float32)
        if random.random() < 0.45:
            drop = int(random.uniform(0.2, 1) * pane.shape[0])
            pane[:drop] = pane[:drop] * 0.35 + np.array([170, 182, 188], np.float32) * random.uniform(0.5, 0.65)
        window[4 : height + 4, 5:-5] = frame
        window[6 : height + 2, 7:-7] = pane
        window[6 : height + 2, (width + 10) // 2 - 1 : (width + 10) // 2 + 1] = frame
        window[4 + height // 3 : 6 + height // 3, 5:-5] = frame
        window[height + 4 : height + 6] *= 0.6
        windows.append(window)
    return windows


def _ground_floor(house: FloatMap, height: float, bay: float, wall: FloatMap, random: np.random.Generator) -> None:
    rows, width = house.shape[:2]
    house[rows - round(0.6 * METRE) :] *= 0.72
    shop = random.random() < 0.45
    if shop:
        band = slice(rows - round(height * METRE), rows - round((height - 0.7) * METRE))
        house[band] = np.array(random.uniform(30, 190, 3), np.float32)
        for start in range(METRE, width - 2 * METRE, 4 * METRE):
            letters = house[band][4:-4, start : start + 2 * METRE]
            letters[:, :: int(random.integers(4, 7))] = 225
    for index, column in enumerate(np.arange(bay / 2, width, bay)):
        door = index % 3 == 1
        half = round((0.55 if door else bay / METRE * (0.4 if shop else 0.2)) * METRE)
        low, high = (0.0, 2.3) if door else ((0.5, height - 0.9) if shop else (1.0, 2.6))
        storey = house[rows - round(high * METRE) : rows - round(low * METRE)]
        area = storey[:, max(int(column) - half, 0) : int(column) + half]
        if not area.size:
            continue
        if door:
            area[:] = np.array(random.uniform(35, 105, 3), np.float32)
            area[3:-1, 3:-3] *= 1.2
        else:
            area[:] = 190 * random.uniform(0.4, 1.0)
            shade = np.linspace(105, 45, area.shape[0], dtype=np.float32)[:, None, None]
            area[3:-3, 3:-3] = (shade * np.array([1.1, 1.02, 0.95], np.float32) + np.zeros_like(area))[3:-3, 3:-3]
            if shop:
                area[3:-3, 3:-3] += 14 * random.standard_normal((1, 1, 3)).astype(np.float32)


def _hedge(
    colors: FloatMap, ids: NDArray[np.uint8], alpha: NDArray[np.uint8], span: slice, random: np.random.Generator
) -> None:
    rows, width = colors.shape[0], span.stop - span.start
    noise = fractal_noise(random, rows, width, (60, max(width // 12, 1)), 3)
    tall = (random.uniform(1.6, 3.0) + 0.25 * noise[0]) * METRE
    leaves = (np.arange(rows)[::-1, None] < tall[None]) & (np.arange(rows)[:, None] > 0)
    tone = np.array([38, 78, 58], np.float32) * (1 + 0.3 * noise[..., None])
    colors[:, span][leaves] = tone[leaves]
    alpha[:, span][leaves] = 255
    ids[:, span][leaves] = VEGETATION


def _paste(house: FloatMap, window: FloatMap, base: int, column: int) -> None:
    height, width = window.shape[:2]
    left = column - width // 2
    if left >= 0 and left + width <= house.shape[1] and base - height >= 0:
        house[base - height : base, left : left + width] = window
