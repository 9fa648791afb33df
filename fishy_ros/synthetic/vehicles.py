"""Cars, vans and buses as meshes; the front points along z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.cityscapes import BUS, CAR, TRUCK
from fishy_ros.synthetic.mesh import Mesh, facing, join, mesh, prism, surface_of_revolution

Profile = list[tuple[float, float]]

_PAINTS = (
    (70, 66, 64), (38, 36, 36), (205, 205, 203), (232, 232, 230), (150, 148, 146), (110, 72, 44), (52, 44, 132),
    (92, 98, 102), (128, 104, 78), (60, 74, 58), (176, 178, 176), (48, 40, 92),
)  # fmt: skip
_GLASS, _RUBBER, _CHROME = (58, 52, 46), (26, 25, 25), (168, 168, 166)


@dataclass(frozen=True)
class Vehicle:
    """A vehicle's shape, its id, and its size in m."""

    shape: Mesh
    thing: int
    length: float
    width: float


def build_vehicle(random: np.random.Generator) -> Vehicle:
    """Build a car, or now and then a van or a bus."""
    paint = np.array(_PAINTS[random.integers(len(_PAINTS))], np.float32) * random.uniform(0.9, 1.1)
    kind = random.random()
    if kind < 0.8:
        return _car(paint, random)
    return _van(paint, random) if kind < 0.95 else _bus(random)


def _car(paint: NDArray[np.floating], random: np.random.Generator) -> Vehicle:
    length, width = random.uniform(3.9, 4.8), random.uniform(1.72, 1.88)
    height, estate = random.uniform(1.42, 1.62), random.random() < 0.55
    half, waist = length / 2, 0.56 * height
    body: Profile = [
        (-half + 0.1, 0.25), (half - 0.15, 0.22), (half, 0.45), (half - 0.12, waist - 0.2),
        (half * 0.45, waist), (-half + 0.05, waist), (-half, 0.5),
    ]  # fmt: skip
    back = -half + (0.12 if estate else 0.55)
    cabin: Profile = [(half * 0.48, waist), (half * 0.12, height), (back + 0.35, height), (back, waist)]
    taper = np.array([width - 0.06, width - 0.42, width - 0.42, width - 0.1])
    parts = [prism(body, width, paint), prism(cabin, taper, paint, layer=1)]
    parts += _cabin_windows(cabin, taper)
    parts += _seams(width, half, waist, paint)
    parts += _wheels(width, (half - 0.85, -half + 0.8), 0.32)
    parts += _lights(half, width, waist, height)
    return Vehicle(join(parts), CAR, length, width)


def _van(paint: NDArray[np.floating], random: np.random.Generator) -> Vehicle:
    length, width, height = random.uniform(5.2, 6.4), 2.0, random.uniform(2.2, 2.7)
    half = length / 2
    body: Profile = [(-half, 0.35), (half, 0.35), (half, 1.0), (half - 0.9, height), (-half, height)]
    parts = [prism(body, width, paint)]
    parts.append(_front_pane(half - 0.1, 1.25, half - 0.75, height - 0.25, width - 0.3))
    parts.append(_panel(-half - 0.01, height * 0.55, height - 0.3, width - 0.4, _GLASS))
    for side in (-1, 1):
        parts.append(_side_panel(side, width, half - 1.8, half - 0.95, 1.25, height - 0.45))
    parts += _wheels(width, (half - 0.95, -half + 1.1), 0.36)
    parts += _lights(half, width, 1.0, 1.6)
    return Vehicle(join(parts), TRUCK, length, width)


def _bus(random: np.random.Generator) -> Vehicle:
    length, width, height = 11.5, 2.5, 3.1
    half = length / 2
    paint = np.array([(40, 60, 190), (60, 190, 225), (200, 200, 198), (90, 150, 60)][random.integers(4)], np.float32)
    body: Profile = [(-half, 0.35), (half, 0.35), (half, height), (-half, height)]
    parts = [prism(body, width, paint), _panel(half + 0.01, 1.1, height - 0.5, width - 0.2, _GLASS, front=True)]
    parts.append(_panel(-half - 0.01, 1.7, height - 0.5, width - 0.4, _GLASS))
    for side in (-1, 1):
        for start in np.arange(-half + 0.4, half - 1.2, 1.5):
            parts.append(_side_panel(side, width, float(start), float(start) + 1.35, 1.2, height - 0.55))
    parts += _wheels(width, (half - 2.4, -half + 2.8), 0.46)
    parts += _lights(half, width, 1.0, 2.0)
    return Vehicle(join(parts), BUS, length, width)


def _cabin_windows(cabin: Profile, taper: NDArray[np.floating]) -> list[Mesh]:
    (front, waist), (front_top, roof), (back_top, _), (back, _) = cabin
    low, high = waist + 0.05, roof - 0.09
    lean = (taper[0] - taper[1]) / 2 / (roof - waist)
    panes = [
        _slanted(front, front_top, waist, roof, low, high, taper[0], taper[1]),
        _slanted(back, back_top, waist, roof, low, high, taper[3], taper[2]),
    ]
    for side in (-1, 1):
        edges = [front - 0.12, (front + back) / 2 + 0.05, (front + back) / 2 - 0.05, back + 0.15]
        tops = [front_top + 0.02, (front + back) / 2 + 0.05, (front + back) / 2 - 0.05, back_top - 0.02]
        for first, second in ((0, 1), (2, 3)):
            bottom_x = side * (taper[0] / 2 - lean * (low - waist) + 0.012)
            top_x = side * (taper[0] / 2 - lean * (high - waist) + 0.012)
            corners = [
                (bottom_x, low, edges[first]), (bottom_x, low, edges[second]),
                (top_x, high, tops[second]), (top_x, high, tops[first]),
            ]  # fmt: skip
            panes.append(facing(mesh([corners], _GLASS, 2), (side, 0, 0)))
    return panes


def _slanted(
    base: float, top: float, waist: float, roof: float, low: float, high: float, base_width: float, top_width: float
) -> Mesh:
    def at(height: float) -> tuple[float, float]:
        share = (height - waist) / (roof - waist)
        outward_step = 0.015 if base > top else -0.015
        return base + (top - base) * share + outward_step, (base_width + (top_width - base_width) * share) / 2 - 0.09

    (z0, half0), (z1, half1) = at(low), at(high)
    corners = [(-half0, low, z0), (half0, low, z0), (half1, high, z1), (-half1, high, z1)]
    return facing(mesh([corners], _GLASS, 2), (0, 0.3, 1 if base > top else -1))


def _front_pane(base: float, low: float, top: float, high: float, width: float) -> Mesh:
    half = width / 2
    corners = [(-half, low, base), (half, low, base), (half, high, top), (-half, high, top)]
    return facing(mesh([corners], _GLASS, 2), (0, 0.3, 1))


def _panel(z: float, low: float, high: float, width: float, color: tuple[int, int, int], front: bool = False) -> Mesh:
    half = width / 2
    corners = [(-half, low, z), (half, low, z), (half, high, z), (-half, high, z)]
    return facing(mesh([corners], color, 2), (0, 0, 1 if front else -1))


def _side_panel(side: int, width: float, back: float, front: float, low: float, high: float) -> Mesh:
    x = side * (width / 2 + 0.01)
    corners = [(x, low, back), (x, low, front), (x, high, front), (x, high, back)]
    return facing(mesh([corners], _GLASS, 2), (side, 0, 0))


def _seams(width: float, half: float, waist: float, paint: NDArray[np.floating]) -> list[Mesh]:
    dark = paint * 0.55
    parts = []
    for side in (-1, 1):
        x = side * (width / 2 + 0.004)
        for z in (half * 0.42, -half * 0.08, -half * 0.52):
            seam = [(x, 0.3, z), (x, 0.3, z + 0.025), (x, waist, z + 0.025), (x, waist, z)]
            parts.append(facing(mesh([seam], dark, 1), (side, 0, 0)))
        skirt = [(x, 0.25, -half * 0.8), (x, 0.25, half * 0.85), (x, 0.34, half * 0.85), (x, 0.34, -half * 0.8)]
        parts.append(facing(mesh([skirt], paint * 0.4, 1), (side, 0, 0)))
    return parts


def _wheels(width: float, axles: tuple[float, float], radius: float) -> list[Mesh]:
    parts = []
    radii = radius * np.array([1.2, 1.0, 0.66, 0.6, 0.2, 0.01])
    shades = [(14, 14, 14), _RUBBER, (90, 90, 90), _CHROME, (110, 110, 110)]
    disc = surface_of_revolution(radii, np.linspace(0, 0.02, 6), shades, 16, 2)
    for axle in axles:
        for side in (-1, 1):
            across, around = side * (width / 2 + disc.quads[..., 1]), disc.quads[..., (0, 2)] + (radius, axle)
            upright = np.concatenate([across[..., None], around], -1)
            parts.append(facing(Mesh(upright.astype(np.float32), disc.colors, disc.layers + 1), (side, 0, 0)))
        parts.append(prism([(axle - radius, radius), (axle, 0), (axle + radius, radius)], width - 0.06, _RUBBER, -1))
    return parts


def _lights(half: float, width: float, waist: float, height: float) -> list[Mesh]:
    parts = []
    for side in (-1, 1):
        x = side * (width / 2 - 0.22)
        rear = [(x - 0.16, waist - 0.32, -half - 0.02), (x + 0.16, waist - 0.32, -half - 0.02)]
        rear += [(x + 0.16, waist - 0.06, -half - 0.02), (x - 0.16, waist - 0.06, -half - 0.02)]
        parts.append(facing(mesh([rear], (36, 30, 176), 3), (0, 0, -1)))
        front = [(x - 0.17, 0.52, half + 0.01), (x + 0.17, 0.52, half + 0.01)]
        front += [(x + 0.15, 0.68, half - 0.04), (x - 0.15, 0.68, half - 0.04)]
        parts.append(facing(mesh([front], (236, 236, 230), 3), (0, 0, 1)))
    for z, front_side in ((-half - 0.02, False), (half + 0.02, True)):
        parts.append(_plate(z, 0.26, front_side, 0.56, 0.38, _RUBBER if not front_side else (52, 50, 48)))
        parts.append(_plate(z + (0.01 if front_side else -0.01), 0.42, front_side, 0.52, 0.12, (226, 226, 224)))
    return parts


def _plate(z: float, low: float, front: bool, width: float, height: float, color: tuple[int, int, int]) -> Mesh:
    return _panel(z, low, low + height * 0.4, width * 2 if height > 0.2 else width, color, front)
