"""Draw meshes, upright sprites and their shadows with soft edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.synthetic.camera import StreetCamera
from fishy_ros.synthetic.canvas import Canvas, composite, darken
from fishy_ros.synthetic.mesh import FloatArray, Mesh
from fishy_ros.synthetic.style import StreetStyle

NEAREST = 2.0
"""Metres in front of the camera closer than which nothing is drawn."""

_SHADOWS = 70.0
"""Metres up to which shadows of things are drawn."""

_SHIFT = 4
"""Fractional bits of the corners of polygons."""


@dataclass(frozen=True)
class View:
    """Whence and in which light a thing is seen: the camera at `z`, and `sun` from 0 (shade) to 1."""

    camera: StreetCamera
    style: StreetStyle
    z: float
    sun: float = 1.0


@dataclass(frozen=True)
class _Box:
    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left


def draw_mesh(
    canvas: Canvas, solid: Mesh, at: FloatArray, view: View, thing: int, grain: NDArray[np.uint8] | None = None
) -> None:
    """Draw a mesh moved by `at` (x, y, z) with the id `thing`; `grain` roughens its colors (128: not at all)."""
    placed = solid.quads + at
    if placed[..., 2].min() - view.z < NEAREST:
        return
    corners = view.camera.project(placed, view.z)
    box = _clip(corners, view.camera)
    if box is None:
        return
    eye = np.array([view.camera.x, view.camera.y, view.z], np.float32)
    towards = eye - at - solid.centres
    seen = np.einsum("fc,fc->f", solid.normals, towards) > 0
    colors = np.c_[_shade(solid, float(at[2]) - view.z, view), np.full(len(seen), 255)].tolist()
    order = np.lexsort((-np.einsum("fc,fc->f", towards, towards), solid.layers))
    size = max(box.shape)
    fine = 4 if size < 80 else 3 if size < 200 else 2
    patch = np.zeros((box.shape[0] * fine, box.shape[1] * fine, 4), np.uint8)
    origin = np.array([box.left, box.top], np.float32)
    points = np.round(((corners - origin) * fine - 0.5) * (1 << _SHIFT)).astype(np.int32)
    for face in order[seen[order]]:
        cv2.fillConvexPoly(patch, points[face], colors[face], shift=_SHIFT)
    patch = cv2.resize(patch, box.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    if grain is not None:
        _roughen(patch, grain)
    composite(canvas, patch, box.left, box.top, thing)


def draw_sprite(
    canvas: Canvas,
    levels: Sequence[NDArray[np.uint8]],
    foot: tuple[float, float],
    height: float,
    view: View,
    thing: int,
) -> None:
    """Draw an upright picture that is `height` m tall and stands at `foot` (x, z).

    `levels` is the picture, uint8 `[h, w, 4]` with colors multiplied by alpha, and smaller copies of it.
    """
    distance = foot[1] - view.z
    if distance < NEAREST:
        return
    tall = view.camera.focal * height / distance
    sprite = next((level for level in reversed(levels) if level.shape[0] >= tall), levels[0])
    scale = tall / sprite.shape[0]
    ground = view.camera.project(np.array([foot[0], 0.0, foot[1]], np.float32), view.z)
    left, top = ground[0] - scale * sprite.shape[1] / 2, ground[1] - scale * sprite.shape[0]
    extent = np.array([[left, top], [left + scale * sprite.shape[1], ground[1]]], np.float32)
    box = _clip(extent, view.camera)
    if box is None:
        return
    warp = np.array([[scale, 0, left - box.left + scale / 2 - 0.5], [0, scale, top - box.top + scale / 2 - 0.5]])
    patch = cv2.warpAffine(sprite, warp, box.shape[::-1], flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    clear = 0.5 ** (distance / view.style.haze_distance)
    light = (view.style.sky_light + view.style.sun * view.sun) * clear
    mix = np.diag([light, light, light, 1.0])
    mix[:3, 3] = np.array(view.style.haze) * (1 - clear) / 255
    composite(canvas, cv2.transform(patch, mix).astype(np.uint8, copy=False), box.left, box.top, thing)


def draw_shadow(canvas: Canvas, points: FloatArray, view: View) -> None:
    """Darken the ground under and beside a thing with the outer points `[N, 3]`."""
    if not NEAREST < points[:, 2].min() - view.z < _SHADOWS:
        return
    flat = points * np.array([1, 0, 1], np.float32)
    centre = flat.mean(0)
    _darken_hull(canvas, centre + (flat - centre) * 1.06, view, 0.6, 0.22)
    if view.sun * view.style.sun > 0.25:
        x, y, z = view.style.sun_direction
        cast = points - points[:, 1:2] * np.array([x / y, 1, z / y], np.float32)
        _darken_hull(canvas, cast, view, 0.55 * view.sun, 0.12)


def _darken_hull(canvas: Canvas, ground: FloatArray, view: View, strength: float, softness: float) -> None:
    ground = ground[ground[:, 2] - view.z > NEAREST]
    if len(ground) < 3:
        return
    corners = view.camera.project(ground, view.z)
    blur = softness * view.camera.focal / float(ground[:, 2].mean() - view.z)
    box = _clip(np.concatenate([corners - 2 * blur, corners + 2 * blur]), view.camera)
    if box is None:
        return
    mask = np.zeros(box.shape, np.uint8)
    hull = cv2.convexHull((corners - np.array([box.left, box.top], np.float32)).astype(np.float32))
    cv2.fillConvexPoly(mask, np.round(hull[:, 0] * (1 << _SHIFT)).astype(np.int32), 255, cv2.LINE_AA, _SHIFT)
    width = 2 * int(min(blur, 40) / 2) + 1
    soft = cv2.blur(mask, (2 * width + 1, width)).astype(np.uint8, copy=False)
    darken(canvas, soft, box.left, box.top, strength)


def _shade(solid: Mesh, distance: float, view: View) -> FloatArray:
    normal = solid.normals
    sun = np.clip(normal @ np.array(view.style.sun_direction, np.float32), 0, 1)
    light = view.style.sky_light * (0.72 + 0.28 * normal[:, 1]) + view.style.sun * view.sun * sun
    clear = 0.5 ** (distance / view.style.haze_distance)
    sheen = 16 * view.style.sky_light * (1 + normal[:, 1:2])
    lit = np.minimum(solid.colors * light[:, None] + sheen, 250)
    shaded: FloatArray = lit * clear + np.array(view.style.haze, np.float32) * (1 - clear)
    return shaded


def _roughen(patch: NDArray[np.uint8], grain: NDArray[np.uint8]) -> None:
    gain = cv2.resize(grain, patch.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    rough = cv2.multiply(patch[..., :3], cv2.merge([gain] * 3), scale=1 / 128)
    patch[..., :3] = cv2.min(rough, cv2.merge([patch[..., 3]] * 3))


def _clip(corners: FloatArray, camera: StreetCamera) -> _Box | None:
    points = corners.reshape(-1, 2)
    left, top = np.floor(points.min(0)).astype(int)
    right, bottom = np.ceil(points.max(0)).astype(int)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, camera.width), min(bottom, camera.height)
    return _Box(int(left), int(top), int(right), int(bottom)) if right > left and bottom > top else None
