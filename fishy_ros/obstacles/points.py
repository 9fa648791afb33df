"""Regions as points in space: on the ground below their feet, or where a depth image sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ImageError
from fishy_ros.obstacles.geometry import Camera, GroundPlane, Vectors
from fishy_ros.obstacles.regions import AnomalyRegions, Box, Region

FOOT_ERROR_PX: float = 1.5
"""Standard deviation of the lower edge of a region, in px of the heatmap: networks draw soft rims."""

SPACING_M: float = 0.1
"""Distance of the points across a region, in m: twice as fine as the cells of most costmaps of outdoor robots."""

MAX_POINTS: int = 64
"""Points of one region at most."""

DEPTH_NEAR_SHARE: float = 0.25
"""Quantile of the depths of a region that is its distance: most of its pixels are at least so far, and those of the
background that its soft rim takes in do not count."""


@dataclass(frozen=True)
class PlacedRegion:
    """Where one region is: a row of points across its front, in the camera's optical frame."""

    index: int
    """Number of the region among those given."""
    points: Vectors
    """float64 `[N, 3]`, in m."""
    distance_m: float
    """From the camera to the middle of the front."""
    error_m: float
    """Standard deviation of the distance."""
    width_m: float
    height_m: float
    source: str
    """`ground` or `depth`."""


def ground_points(
    boxes: Sequence[Box],
    camera: Camera,
    ground: GroundPlane,
    foot_error_px: float = FOOT_ERROR_PX,
    max_distance_m: float = 80.0,
) -> tuple[PlacedRegion, ...]:
    """Place regions where their lower edges meet the ground.

    The points lie at half the height of what stands there, so that filters by height take them for neither ground nor
    sky. Regions whose foot is above the horizon, or farther than `max_distance_m`, are left out.

    Args:
        boxes: in px of the camera's images.
        camera: intrinsics of images of this size.
        ground: where it is.
        foot_error_px: standard deviation of the lower edges, in px of the camera's images.
        max_distance_m: farther ones are so uncertain that they help nobody.
    """
    if not boxes:
        return ()
    intrinsics = camera.intrinsics
    feet = np.array([(x, box.bottom) for box in boxes for x in (box.left, box.foot[0], box.right)])
    rays = intrinsics.rays(feet)
    met = ground.meet(rays).reshape(-1, 3, 3)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = ground.error_m(rays[1::3], foot_error_px, intrinsics.fy)
        distances = np.linalg.norm(met[:, 1], axis=1)
        widths = np.linalg.norm(met[:, 2] - met[:, 0], axis=1)
        heights = np.array([box.height for box in boxes]) / intrinsics.fy * met[:, 1, 2]
    up = -np.array(ground.normal)
    placed = []
    for index in np.flatnonzero(np.isfinite(met).all(axis=(1, 2)) & (distances <= max_distance_m)).tolist():
        width, height = float(widths[index]), float(heights[index])
        points = _between(met[index, 0], met[index, 2], width) + up * height / 2
        placed.append(
            PlacedRegion(index, points, float(distances[index]), float(errors[index]), width, height, "ground")
        )
    return tuple(placed)


def depth_points(
    found: AnomalyRegions,
    depth_m: NDArray[np.float32],
    camera: Camera,
    relative_error: float = 0.02,
    max_distance_m: float = 80.0,
) -> tuple[PlacedRegion, ...]:
    """Place the regions of a frame by a depth image that is registered to the camera (the same view, any size).

    The distance of a region is the near quartile of the depths of its pixels; regions without depth are left out. The
    error is `relative_error` of the depth, or the spread of the depths that are nearer than their median, whichever
    is larger.

    Args:
        found: the regions, in px of the heatmap.
        depth_m: float32 `[h, w]`, z in m; 0, NaN and infinity are unknown.
        camera: intrinsics of images of the size of the heatmap.
        relative_error: standard deviation of a depth as a share of it.
        max_distance_m: farther regions are left out.

    Raises:
        ImageError: the depth image is none.
    """
    if depth_m.ndim != 2 or depth_m.dtype != np.float32 or depth_m.size == 0:
        raise ImageError(f"the depth image is {depth_m.dtype} {depth_m.shape}, expected float32 [h, w] in m")
    placed = []
    for index, region in enumerate(found.regions):
        depths = _depths(found.pixels_of(index), region, depth_m, found.mask.shape)
        if not depths.size:
            continue
        near, middle = np.quantile(depths, [DEPTH_NEAR_SHARE, 0.5]).tolist()
        if near <= max_distance_m:
            error = max(relative_error * near, middle - near)
            placed.append(_at_depth(index, region.box, near, error, camera))
    return tuple(placed)


def _depths(
    inside: NDArray[np.bool_], region: Region, depth_m: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the known depths of a region's pixels, looked up at the nearest pixel of the depth image."""
    rows, columns = np.nonzero(inside)
    down, across = depth_m.shape[0] / shape[0], depth_m.shape[1] / shape[1]
    rows = ((rows + region.box.top + 0.5) * down).astype(np.intp)
    columns = ((columns + region.box.left + 0.5) * across).astype(np.intp)
    depths = depth_m[np.minimum(rows, depth_m.shape[0] - 1), np.minimum(columns, depth_m.shape[1] - 1)]
    known: NDArray[np.float32] = depths[np.isfinite(depths) & (depths > 0)]
    return known


def _at_depth(index: int, box: Box, depth: float, error: float, camera: Camera) -> PlacedRegion:
    middle = (box.top + box.bottom) / 2
    left, centre, right = camera.intrinsics.rays(np.array([(x, middle) for x in (box.left, box.foot[0], box.right)]))
    width = float(np.linalg.norm(right - left)) * depth
    height = box.height / camera.intrinsics.fy * depth
    points = _between(left * depth, right * depth, width)
    distance = float(np.linalg.norm(centre)) * depth
    return PlacedRegion(index, points, distance, error, width, height, "depth")


def _between(start: Vectors, end: Vectors, length_m: float) -> Vectors:
    """Return points from `start` to `end` at most `SPACING_M` apart where `MAX_POINTS` suffice."""
    count = min(max(math.ceil(length_m / SPACING_M) + 1, 2), MAX_POINTS)
    points: Vectors = start + (np.arange(count) / (count - 1))[:, None] * (end - start)
    return points
