"""Things that do not belong on a road, as meshes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.synthetic.mesh import Mesh, cuboid, facing, join, mesh, prism, sphere, surface_of_revolution, torus
from fishy_ros.synthetic.noise import fractal_noise

Color = NDArray[np.float32]


@dataclass(frozen=True)
class UnknownObject:
    """An object with its kind, and the grain of its surface, uint8 `[h, w]` with 128 as neutral."""

    kind: str
    shape: Mesh
    grain: NDArray[np.uint8]


def build_unknown_object(random: np.random.Generator) -> UnknownObject:
    """Build an object of a random kind, color and size, standing at the origin."""
    kind = str(random.choice(sorted(KINDS)))
    shape = KINDS[kind](random).turned(random.uniform(0, 360))
    grain = 128 + 9 * fractal_noise(random, 96, 96, (3, 3), 5)
    return UnknownObject(kind, shape, np.clip(grain, 60, 200).astype(np.uint8))


def _box(random: np.random.Generator) -> Mesh:
    width, height, length = random.uniform(0.3, 0.9), random.uniform(0.25, 0.7), random.uniform(0.3, 0.8)
    card = np.array([92, 132, 172], np.float32) * random.uniform(0.75, 1.15)
    parts = [cuboid(width, height, length, card)]
    tape, top = 0.06, height + 0.004
    strip = [(-tape, top, -length / 2), (tape, top, -length / 2), (tape, top, length / 2), (-tape, top, length / 2)]
    parts.append(facing(mesh([strip], card * 1.25, 1), (0, 1, 0)))
    for side in (-1, 1):
        z = side * (length / 2 + 0.004)
        label = [(-0.1, height * 0.3, z), (0.1, height * 0.3, z), (0.1, height * 0.7, z), (-0.1, height * 0.7, z)]
        parts.append(facing(mesh([label], (225, 228, 230), 1), (0, 0, side)))
    return join(parts)


def _crate(random: np.random.Generator) -> Mesh:
    width, height, length = random.uniform(0.5, 1.0), random.uniform(0.3, 0.6), random.uniform(0.4, 0.8)
    wood = _any_color(random) if random.random() < 0.5 else np.array([110, 150, 180], np.float32)
    parts = [cuboid(width, height, length, wood * 0.45)]
    for row in range(4):
        low, high = (row + 0.12) * height / 4, (row + 0.88) * height / 4
        for side in (-1, 1):
            z, x = side * (length / 2 + 0.006), side * (width / 2 + 0.006)
            front = [(-width / 2, low, z), (width / 2, low, z), (width / 2, high, z), (-width / 2, high, z)]
            aside = [(x, low, -length / 2), (x, low, length / 2), (x, high, length / 2), (x, high, -length / 2)]
            parts += [facing(mesh([front], wood, 1), (0, 0, side)), facing(mesh([aside], wood, 1), (side, 0, 0))]
    return join(parts)


def _ball(random: np.random.Generator) -> Mesh:
    bands = np.tile(_any_color(random), (10, 1))
    if random.random() < 0.6:
        bands[::2] = _any_color(random)
    return sphere(random.uniform(0.11, 0.3), bands).rolled(random.uniform(0, 90))


def _tyre(random: np.random.Generator) -> Mesh:
    radius = random.uniform(0.28, 0.42)
    lying = torus(radius, random.uniform(0.11, 0.16), random.uniform(0.17, 0.24), np.array([38, 36, 36]))
    return lying.rolled(float(random.choice([0, 0, 90, 72])))


def _cone(random: np.random.Generator) -> Mesh:
    height = random.uniform(0.4, 0.9)
    main = np.array([40, 92, 232], np.float32) if random.random() < 0.7 else _any_color(random)
    white = np.array([228, 228, 226], np.float32)
    heights = np.linspace(0.03, height, 6)
    body = surface_of_revolution(0.18 * np.linspace(1, 0.16, 6), heights, np.stack([main, white, main, white, main]))
    cone = join([cuboid(0.42, 0.035, 0.42, main * 0.5), Mesh(body.quads, body.colors, body.layers + 1)])
    return cone.rolled(90) if random.random() < 0.3 else cone


def _barrel(random: np.random.Generator) -> Mesh:
    radius, height = random.uniform(0.22, 0.34), random.uniform(0.6, 0.95)
    paint = _any_color(random)
    radii = radius * np.array([0.01, 0.97, 1, 1.05, 1, 1.05, 1, 0.97, 0.9, 0.01])
    heights = height * np.array([0, 0, 0.3, 0.33, 0.36, 0.66, 0.69, 1, 1, 0.97])
    barrel = surface_of_revolution(radii, heights, np.outer(np.linspace(0.8, 1.1, 9), paint), 24)
    return barrel.rolled(90) if random.random() < 0.5 else barrel


def _plank(random: np.random.Generator) -> Mesh:
    wood = np.array([104, 146, 178], np.float32) * random.uniform(0.6, 1.15)
    return cuboid(random.uniform(1.0, 2.4), random.uniform(0.04, 0.1), random.uniform(0.12, 0.25), wood)


def _stone(random: np.random.Generator) -> Mesh:
    size = random.uniform(0.15, 0.4)
    rock = sphere(size, np.array([118, 126, 132]) * random.uniform(0.7, 1.15), 7)
    bumps = 1 + 0.14 * np.sin(rock.quads @ random.normal(0, 7 / size * 0.3, (3, 3)) + random.uniform(0, 6, 3))
    bumpy = Mesh((rock.quads * bumps).astype(np.float32), rock.colors, rock.layers)
    return bumpy.scaled(1.2, random.uniform(0.5, 0.8), 1)


def _bag(random: np.random.Generator) -> Mesh:
    height = random.uniform(0.4, 0.7)
    radii = height * np.array([0.01, 0.42, 0.52, 0.48, 0.3, 0.09, 0.14, 0.01])
    heights = height * np.array([0, 0.02, 0.25, 0.5, 0.74, 0.86, 0.98, 1])
    color = [np.array([44, 40, 40]), np.array([190, 130, 70]), np.array([212, 212, 214])][random.integers(3)]
    sack = surface_of_revolution(radii, heights, np.outer(random.uniform(0.75, 1.15, 7), color), 14)
    return sack.scaled(random.uniform(0.9, 1.4), 1, random.uniform(0.8, 1.2))


def _suitcase(random: np.random.Generator) -> Mesh:
    width, height, length = random.uniform(0.45, 0.65), random.uniform(0.55, 0.8), random.uniform(0.22, 0.32)
    paint = _any_color(random)
    parts = [cuboid(width, height, length, paint)]
    for side in (-1, 1):
        for x in (-0.3, 0.0, 0.3):
            z, left = side * (length / 2 + 0.005), x * width - 0.02
            rib = [(left, 0.06, z), (left + 0.04, 0.06, z), (left + 0.04, height - 0.06, z), (left, height - 0.06, z)]
            parts.append(facing(mesh([rib], paint * 0.7, 1), (0, 0, side)))
    handle = cuboid(width * 0.4, 0.05, 0.04, (50, 50, 50)).moved(0, height + 0.12, 0)
    posts = [cuboid(0.03, 0.13, 0.03, (120, 120, 120)).moved(side * width * 0.17, height, 0) for side in (-1, 1)]
    return join([*parts, *posts, handle])


def _chair(random: np.random.Generator) -> Mesh:
    paint = _any_color(random)
    size, seat = random.uniform(0.42, 0.5), random.uniform(0.42, 0.5)
    legs = [
        cuboid(0.05, seat, 0.05, paint * 0.7).moved(x * (size / 2 - 0.03), 0, z * (size / 2 - 0.03))
        for x in (-1, 1)
        for z in (-1, 1)
    ]
    half = size / 2
    back = prism([(half - 0.05, seat), (half, seat), (half + 0.08, seat * 2), (half + 0.03, seat * 2)], size, paint)
    chair = join([*legs, cuboid(size, 0.06, size, paint).moved(0, seat, 0), back])
    return chair.rolled(90) if random.random() < 0.4 else chair


def _any_color(random: np.random.Generator) -> Color:
    hue = random.uniform(0, 2 * np.pi)
    vivid = np.array([np.cos(hue), np.cos(hue - 2.1), np.cos(hue + 2.1)]) * random.uniform(20, 95)
    return np.clip(random.uniform(70, 170) + vivid, 12, 240).astype(np.float32)


KINDS: dict[str, Callable[[np.random.Generator], Mesh]] = {
    "ball": _ball,
    "barrel": _barrel,
    "bag": _bag,
    "box": _box,
    "chair": _chair,
    "cone": _cone,
    "crate": _crate,
    "plank": _plank,
    "stone": _stone,
    "suitcase": _suitcase,
    "tyre": _tyre,
}
"""How each kind of object is built."""
