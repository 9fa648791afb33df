"""What stands and drives in the street, and where it is at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fishy_ros.cityscapes import PERSON, POLE, TRAFFIC_SIGN, VEGETATION
from fishy_ros.synthetic.camera import StreetCamera
from fishy_ros.synthetic.canvas import UNKNOWN, Canvas
from fishy_ros.synthetic.mesh import FloatArray, Mesh
from fishy_ros.synthetic.objects import UnknownObject, build_unknown_object
from fishy_ros.synthetic.raster import View, draw_mesh, draw_shadow, draw_sprite
from fishy_ros.synthetic.sprites import (
    Sprite,
    lamp_sprite,
    person_sprite,
    sign_sprite,
    sprite_levels,
    tree_sprite,
)
from fishy_ros.synthetic.style import STREET_LENGTH, StreetStyle
from fishy_ros.synthetic.vehicles import build_vehicle

CLEARANCE = 3.5
"""Least distance between unknown objects along the street, in m."""


class Drawable(Protocol):
    """Something at (x, z) in m that can be drawn."""

    def draw_shadow(self, canvas: Canvas, view: View, x: float, z: float) -> None:
        """Darken the ground."""
        ...

    def draw(self, canvas: Canvas, view: View, x: float, z: float) -> None:
        """Draw the thing."""
        ...


@dataclass(frozen=True)
class Actor:
    """A thing that starts at (`x`, `z`) in m and moves along the street with `speed_z` in m/s."""

    thing: Drawable
    x: float
    z: float
    speed_z: float = 0.0

    def ahead(self, time: float, camera_z: float) -> float:
        """Distance in front of the camera in m; what is just behind counts as negative."""
        behind = 15.0
        return (self.z + self.speed_z * time - camera_z + behind) % STREET_LENGTH - behind


@dataclass(frozen=True)
class Solid:
    """A mesh with one id."""

    shape: Mesh
    id: int
    grain: NDArray[np.uint8] | None = None

    def draw_shadow(self, canvas: Canvas, view: View, x: float, z: float) -> None:
        """Darken the ground."""
        draw_shadow(canvas, self.shape.outline + np.array([x, 0, z], np.float32), view)

    def draw(self, canvas: Canvas, view: View, x: float, z: float) -> None:
        """Draw the mesh."""
        draw_mesh(canvas, self.shape, np.array([x, 0, z], np.float32), view, self.id, self.grain)


@dataclass(frozen=True)
class Upright:
    """Pictures of one size that stand on the ground, each with its id; `crown` says what casts a shadow."""

    parts: tuple[tuple[tuple[Sprite, ...], int], ...]
    height: float
    crown: FloatArray

    def draw_shadow(self, canvas: Canvas, view: View, x: float, z: float) -> None:
        """Darken the ground."""
        draw_shadow(canvas, self.crown + np.array([x, 0, z], np.float32), view)

    def draw(self, canvas: Canvas, view: View, x: float, z: float) -> None:
        """Draw the pictures."""
        for levels, thing in self.parts:
            draw_sprite(canvas, levels, (x, z), self.height, view, thing)


def populate(style: StreetStyle, camera: StreetCamera, random: np.random.Generator) -> tuple[Actor, ...]:
    """Fill a street: parked and moving vehicles, trees, lamps, signs, people, unknown objects on the road."""
    return (
        *_parked(style, random),
        *_traffic(camera, random),
        *_trees(style, random),
        *_furniture(style, random),
        *_people(style, random),
        *_unknown(style, camera, random),
    )


def _parked(style: StreetStyle, random: np.random.Generator) -> list[Actor]:
    fleet = [build_vehicle(random) for _ in range(24)]
    actors = []
    for side in (-1, 1):
        z = random.uniform(0, 6)
        while z < STREET_LENGTH - 10:
            vehicle = fleet[random.integers(len(fleet))]
            z += vehicle.length / 2
            if vehicle.length < 7 and random.random() < 0.62:
                shape = vehicle.shape if side > 0 else vehicle.shape.turned(180)
                x = side * (style.road_half - 0.25 - vehicle.width / 2)
                actors.append(Actor(Solid(shape, vehicle.thing), x, z))
            z += vehicle.length / 2 + random.uniform(0.7, 2.2) + (14.0 if random.random() < 0.16 else 0)
    return actors


def _traffic(camera: StreetCamera, random: np.random.Generator) -> list[Actor]:
    actors = []
    for z in np.arange(60, STREET_LENGTH, 90):
        vehicle = build_vehicle(random)
        start = float(z + random.uniform(-15, 15))
        actors.append(Actor(Solid(vehicle.shape.turned(180), vehicle.thing), -camera.x, start, -random.uniform(7, 10)))
    return actors


def _trees(style: StreetStyle, random: np.random.Generator) -> list[Actor]:
    sprites = [sprite_levels(tree_sprite(random)) for _ in range(5)]
    actors = []
    for side in (-1, 1):
        z, planted = random.uniform(8, 25), random.uniform(0.35, 0.9)
        while z < STREET_LENGTH - 12:
            if random.random() < planted:
                height = random.uniform(5.0, 8.0)
                parts = ((sprites[random.integers(len(sprites))], VEGETATION),)
                upright = Upright(parts, height, _disc(height * 0.3, height * 0.62))
                actors.append(Actor(upright, side * (style.road_half + 0.8), z))
            z += random.uniform(9, 16)
    return actors


def _furniture(style: StreetStyle, random: np.random.Generator) -> list[Actor]:
    lamp = Upright(((sprite_levels(lamp_sprite()), POLE),), 7.5, _disc(0.1, 7.0))
    actors = []
    for side in (-1, 1):
        x = side * (style.road_half + 0.45)
        actors += [Actor(lamp, x, float(z)) for z in np.arange(14 + 12 * side, STREET_LENGTH, 40)]
        for z in np.arange(random.uniform(10, 30), STREET_LENGTH, 34):
            pole, plate = sign_sprite(random)
            upright = Upright(
                ((sprite_levels(pole), POLE), (sprite_levels(plate), TRAFFIC_SIGN)),
                random.uniform(2.4, 2.9),
                _disc(0.2, 2.4),
            )
            actors.append(Actor(upright, x, float(z + random.uniform(0, 15))))
    return actors


def _people(style: StreetStyle, random: np.random.Generator) -> list[Actor]:
    actors = []
    for z in np.arange(5, STREET_LENGTH, 11):
        if random.random() < 0.7:
            height = random.uniform(1.55, 1.9)
            upright = Upright(((sprite_levels(person_sprite(random)), PERSON),), height, _disc(0.22, height * 0.8))
            x = float(random.choice([-1, 1]) * random.uniform(style.road_half + 1.1, style.wall - 0.5))
            actors.append(Actor(upright, x, float(z), float(random.choice([-1, 1]) * random.uniform(0.9, 1.5))))
    return actors


def _unknown(style: StreetStyle, camera: StreetCamera, random: np.random.Generator) -> list[Actor]:
    lane = style.road_half - 2.1
    actors = []
    z = random.uniform(9, 14)
    while z < STREET_LENGTH - CLEARANCE:
        thing: UnknownObject = build_unknown_object(random)
        x = float(np.clip(random.normal(camera.x * 0.5, lane * 0.55), 0.9 - lane, lane - 0.9))
        actors.append(Actor(Solid(thing.shape, UNKNOWN, thing.grain), x, z))
        z += CLEARANCE + random.exponential(11.0)
    return actors


def _disc(radius: float, height: float) -> FloatArray:
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    top = np.stack([radius * np.cos(angle), np.full(12, height), radius * np.sin(angle)], -1)
    foot = np.array([[-0.12, 0, -0.12], [0.12, 0, -0.12], [0.12, 0, 0.12], [-0.12, 0, 0.12]])
    return np.asarray(np.concatenate([top, foot]), np.float32)
