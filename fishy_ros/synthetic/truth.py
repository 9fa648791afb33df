"""What is known of every pixel of a rendered street beside its class: which object it shows, and how far that is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.cityscapes import SIDEWALK
from fishy_ros.synthetic.camera import StreetCamera
from fishy_ros.synthetic.canvas import UNKNOWN, Canvas
from fishy_ros.synthetic.raster import View, draw_mesh
from fishy_ros.synthetic.style import StreetStyle
from fishy_ros.synthetic.world import Solid


@dataclass(frozen=True)
class PlacedObject:
    """An unknown object at one moment: its number is the same in every frame of the drive."""

    number: int
    """From 1."""
    x: float
    """To the right of the camera, in m, of its middle."""
    ahead: float
    """In front of the camera, in m, of its middle."""
    near: float
    """In front of the camera, in m, of its nearest point."""
    width: float
    """Across the street, in m."""


@dataclass(frozen=True)
class Truth:
    """Ground truth of a frame."""

    objects: tuple[PlacedObject, ...]
    """The unknown objects that are close enough to be drawn, nearest first."""
    numbers: NDArray[np.uint8]
    """uint8 `[H, W]`: the number of the unknown object that a pixel shows, modulo 255 plus 1 where there are more
    than 255 of them; 0 where it shows none."""
    depth: NDArray[np.float32]
    """float32 `[H, W]`: distance along the optical axis in m on the ground and on unknown objects, NaN elsewhere."""


def find_truth(
    ids: NDArray[np.uint8],
    camera: StreetCamera,
    style: StreetStyle,
    z: float,
    seen: Iterable[tuple[int, Solid, float, float]],
) -> Truth:
    """Draw the unknown objects once more, by number instead of color.

    Args:
        ids: what each pixel shows, uint8 `[H, W]`, as rendered.
        camera: the camera.
        style: the street.
        z: where the camera stands along the street, in m.
        seen: number, mesh, x and distance ahead in m of every unknown object, farthest first.
    """
    drawn = Canvas(np.zeros((*ids.shape, 3), np.uint8), np.zeros(ids.shape, np.uint8))
    depth = np.full(ids.shape, np.nan, np.float32)
    rows = np.arange(camera.height) + 0.5 - camera.centre_y
    with np.errstate(divide="ignore"):
        distance = np.where(rows > 0, camera.focal * camera.y / rows, np.nan).astype(np.float32)
    ground = ids <= SIDEWALK
    depth[ground] = np.broadcast_to(distance[:, None], ids.shape)[ground]
    objects = []
    for number, solid, x, ahead in seen:
        mark = (number - 1) % 255 + 1
        before = drawn.ids.copy()
        draw_mesh(drawn, solid.shape, np.array([x, 0, z + ahead], np.float32), View(camera, style, z), mark)
        corners = solid.shape.quads.reshape(-1, 3)
        near = ahead + float(corners[:, 2].min())
        depth[(drawn.ids == mark) & (before != mark) & (ids == UNKNOWN)] = near
        width = float(np.ptp(corners[:, 0]))
        objects.append(PlacedObject(number, x - camera.x, ahead, near, width))
    numbers = np.where(ids == UNKNOWN, drawn.ids, np.uint8(0)).astype(np.uint8)
    return Truth(tuple(reversed(objects)), numbers, depth)
