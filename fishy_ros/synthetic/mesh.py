"""Solid things made of colored quadrilaterals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Mesh:
    """Quadrilaterals in metres; each is seen only from the side to which its normal (see `normals`) points.

    `quads` is float32 `[F, 4, 3]` (x right, y up, z forward; y = 0 on the ground), `colors` float32 `[F, 3]`
    BGR, `layers` int `[F]`: a higher layer is drawn over a lower one, such as windows over a wall.
    """

    quads: FloatArray
    colors: FloatArray
    layers: NDArray[np.int64]

    @cached_property
    def normals(self) -> FloatArray:
        """Unit normals, float32 `[F, 3]`."""
        return normals(self.quads)

    @cached_property
    def centres(self) -> FloatArray:
        """Centres of the faces, float32 `[F, 3]`."""
        centres: FloatArray = self.quads.mean(1)
        return centres

    @cached_property
    def outline(self) -> FloatArray:
        """Some 150 of the corners, float32 `[N, 3]`, enough for a shadow."""
        points = self.quads.reshape(-1, 3)
        return points[:: max(len(points) // 150, 1)]

    def scaled(self, x: float, y: float, z: float) -> Mesh:
        """Stretch along the axes."""
        return Mesh(self.quads * np.array([x, y, z], np.float32), self.colors, self.layers)

    def turned(self, degrees: float) -> Mesh:
        """Turn about the upright axis."""
        return Mesh(self.quads @ _rotation(degrees, 0, 2), self.colors, self.layers)

    def rolled(self, degrees: float) -> Mesh:
        """Turn about the axis along the street; the lowest point stays on the ground."""
        quads = self.quads @ _rotation(degrees, 0, 1)
        return Mesh(quads - np.array([0, quads[..., 1].min(), 0], np.float32), self.colors, self.layers)

    def moved(self, x: float, y: float, z: float) -> Mesh:
        """Move."""
        return Mesh(self.quads + np.array([x, y, z], np.float32), self.colors, self.layers)


def mesh(quads: ArrayLike, colors: ArrayLike, layer: int = 0) -> Mesh:
    """Make a mesh of quads `[F, 4, 3]` of one layer; one color for all, or one for each."""
    corners = np.asarray(quads, np.float32).reshape(-1, 4, 3)
    paint = np.broadcast_to(np.asarray(colors, np.float32), (len(corners), 3))
    return Mesh(corners, np.array(paint), np.full(len(corners), layer))


def join(parts: Sequence[Mesh]) -> Mesh:
    """Put meshes together."""
    return Mesh(
        np.concatenate([part.quads for part in parts]),
        np.concatenate([part.colors for part in parts]),
        np.concatenate([part.layers for part in parts]),
    )


def cuboid(width: float, height: float, length: float, color: ArrayLike, layer: int = 0) -> Mesh:
    """Make a box that stands on the ground, centred in x and z."""
    return prism([(-length / 2, 0), (length / 2, 0), (length / 2, height), (-length / 2, height)], width, color, layer)


def prism(profile: Sequence[tuple[float, float]], width: ArrayLike, color: ArrayLike, layer: int = 0) -> Mesh:
    """Extrude a convex side view, (z, y) points, to a width (one, or one for each point), centred in x."""
    outline = np.asarray(profile, np.float32)
    half = np.broadcast_to(np.asarray(width, np.float32), (len(outline),)) / 2
    left = np.stack([-half, outline[:, 1], outline[:, 0]], -1)
    right = np.stack([half, outline[:, 1], outline[:, 0]], -1)
    around = np.stack([left, right, np.roll(right, -1, 0), np.roll(left, -1, 0)], 1)
    sides = [_fan(left), _fan(right)]
    return _outward(mesh(np.concatenate([around, *sides]), color, layer))


def surface_of_revolution(
    radii: ArrayLike, heights: ArrayLike, colors: ArrayLike, segments: int = 20, layer: int = 0
) -> Mesh:
    """Turn a profile (radius and height of each ring, from the ground up) about the upright axis.

    `colors` is one BGR color, or one for each band between rings.
    """
    radius, height = np.asarray(radii, np.float32), np.asarray(heights, np.float32)
    angle = np.linspace(0, 2 * np.pi, segments + 1, dtype=np.float32)
    upward = np.repeat(height[:, None], len(angle), 1)
    rings = np.stack([radius[:, None] * np.cos(angle), upward, radius[:, None] * np.sin(angle)], -1)
    quads = np.stack([rings[:-1, :-1], rings[:-1, 1:], rings[1:, 1:], rings[1:, :-1]], 2)
    paint = np.broadcast_to(np.asarray(colors, np.float32), (len(radius) - 1, 3))
    corners = quads.reshape(-1, 4, 3)
    areas = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    volume = np.einsum("fc,fc->", areas, corners.mean(1))
    return mesh(corners if volume >= 0 else corners[:, ::-1], np.repeat(paint, segments, 0), layer)


def sphere(radius: float, colors: ArrayLike, bands: int = 10) -> Mesh:
    """Make a ball that lies on the ground."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, bands + 1)
    return surface_of_revolution(radius * np.cos(angle), radius * (1 + np.sin(angle)), colors)


def torus(radius: float, thickness: float, width: float, color: ArrayLike, segments: int = 24) -> Mesh:
    """Make a ring that lies flat: outer `radius`, its tube `thickness` across and `width` high."""
    angle = np.linspace(0, 2 * np.pi, 11)
    ring = radius - thickness / 2 + thickness / 2 * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.6
    height = width / 2 * (1 + np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.6)
    return surface_of_revolution(ring, height, color, segments)


def facing(panes: Mesh, direction: tuple[float, float, float]) -> Mesh:
    """Order the corners of flat faces so that they are seen from a direction."""
    away = normals(panes.quads) @ np.array(direction, np.float32) < 0
    return Mesh(np.where(away[:, None, None], panes.quads[:, ::-1], panes.quads), panes.colors, panes.layers)


def normals(quads: FloatArray) -> FloatArray:
    """Compute unit normals `[F, 3]` of quads `[F, 4, 3]` (from the diagonals, so triangles work too)."""
    normal = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    unit: FloatArray = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    return unit


def _outward(solid: Mesh) -> Mesh:
    centre = solid.quads.reshape(-1, 3).mean(0)
    inside = np.einsum("fc,fc->f", normals(solid.quads), solid.quads.mean(1) - centre) < 0
    quads = np.where(inside[:, None, None], solid.quads[:, ::-1], solid.quads)
    return Mesh(quads, solid.colors, solid.layers)


def _fan(outline: FloatArray) -> FloatArray:
    centre = outline.mean(0)
    following = np.roll(outline, -1, 0)
    middle = (outline + following) / 2
    return np.stack([np.broadcast_to(centre, outline.shape), outline, middle, following], 1)


def _rotation(degrees: float, first: int, second: int) -> FloatArray:
    turn = np.eye(3, dtype=np.float32)
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    turn[first, first] = turn[second, second] = cosine
    turn[first, second], turn[second, first] = sine, -sine
    return turn
