"""Render a street frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fishy_ros.synthetic.buildings import build_facade
from fishy_ros.synthetic.camera import StreetCamera, street_camera
from fishy_ros.synthetic.canvas import UNKNOWN, Canvas
from fishy_ros.synthetic.facades import FacadeSide
from fishy_ros.synthetic.ground import ACROSS, ALONG, Ground, sunlight
from fishy_ros.synthetic.raster import View
from fishy_ros.synthetic.sensor import Sensor
from fishy_ros.synthetic.sky import paint_background
from fishy_ros.synthetic.style import STREET_LENGTH, draw_style
from fishy_ros.synthetic.truth import Truth, find_truth
from fishy_ros.synthetic.world import Actor, Solid, populate

VISIBLE = 120.0
"""Metres up to which things are drawn."""


@dataclass(frozen=True)
class _Seen:
    actor: Actor
    ahead: float


class StreetRenderer:
    """A street made from a seed; any moment of the drive can be rendered."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        """Build the street; sizes are in px."""
        self._seed = seed
        random = np.random.default_rng([seed, 0])
        self._style = draw_style(random)
        self.camera: StreetCamera = street_camera(width, height, x=0.5 * (self._style.road_half - 2.1))
        sun_x, diffuse = self._style.sun_direction[0], self._style.sky_light * 0.86
        left = build_facade(random, diffuse + self._style.sun * max(sun_x, 0))
        right = build_facade(random, diffuse + self._style.sun * max(-sun_x, 0))
        self._sunlight = sunlight(self._style, left.heights, right.heights)
        self._ground = Ground(self._style, self.camera, self._sunlight, random)
        self._sides = (FacadeSide(left, self._style, self.camera, -1), FacadeSide(right, self._style, self.camera, 1))
        self._background = paint_background(self._style, self.camera, random)
        self._actors = populate(self._style, self.camera, random)
        self._sensor = Sensor(self._style, self.camera, random)

    @property
    def speed(self) -> float:
        """How fast the car drives, in m/s."""
        return self._style.speed

    def render(self, frame: int, time: float) -> Canvas:
        """Render the moment `time` (s) of the drive; `frame` seeds the noise of the sensor."""
        z = self._style.speed * time % STREET_LENGTH
        canvas = Canvas(self._background.image.copy(), self._background.ids.copy())
        self._ground.draw(canvas, z)
        for side in self._sides:
            side.draw(canvas, z)
        seen = [_Seen(actor, actor.ahead(time, z)) for actor in self._actors]
        seen = sorted((one for one in seen if 1.0 < one.ahead < VISIBLE), key=lambda one: -one.ahead)
        views = [View(self.camera, self._style, z, self._sun_at(one.actor.x, z + one.ahead)) for one in seen]
        for one, view in zip(seen, views, strict=True):
            one.actor.thing.draw_shadow(canvas, view, one.actor.x, z + one.ahead)
        for one, view in zip(seen, views, strict=True):
            one.actor.thing.draw(canvas, view, one.actor.x, z + one.ahead)
        self._sensor.cover(canvas)
        random = np.random.default_rng([self._seed, 1, frame])
        return Canvas(self._sensor.expose(canvas.image, random), canvas.ids)

    def truth(self, canvas: Canvas, time: float) -> Truth:
        """Tell which object every pixel of `canvas`, rendered for this `time`, shows, and how far it is."""
        z = self._style.speed * time % STREET_LENGTH
        unknown = [actor for actor in self._actors if isinstance(actor.thing, Solid) and actor.thing.id == UNKNOWN]
        seen = [(number, actor, actor.ahead(time, z)) for number, actor in enumerate(unknown, start=1)]
        seen = sorted((one for one in seen if 1.0 < one[2] < VISIBLE), key=lambda one: -one[2])
        placed = [
            (number, actor.thing, actor.x, ahead) for number, actor, ahead in seen if isinstance(actor.thing, Solid)
        ]
        return find_truth(canvas.ids, self.camera, self._style, z, placed)

    def _sun_at(self, x: float, z: float) -> float:
        rows, columns = self._sunlight.shape
        column = int(np.clip((x + self._style.wall) * ACROSS, 0, columns - 1))
        return float(self._sunlight[int(z * ALONG) % rows, column])
