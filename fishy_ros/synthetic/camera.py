"""The pinhole camera of the moving car."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]


@dataclass(frozen=True)
class StreetCamera:
    """A level pinhole camera that looks along the street.

    World coordinates are in metres: x to the right of the middle of the road, y up from the ground, z
    along the street. Pixel coordinates are continuous: the centre of the first pixel is (0.5, 0.5).
    `focal` and the principal point (`centre_x`, `centre_y`; the horizon) are in px; the camera stands at
    (`x`, `y`) and moves along z.
    """

    width: int
    height: int
    focal: float
    centre_x: float
    centre_y: float
    x: float
    y: float

    @property
    def intrinsics(self) -> NDArray[np.float64]:
        """The matrix K, float64 `[3, 3]`, in px; pixel centres at whole numbers, as ROS and OpenCV count."""
        return np.array([[self.focal, 0, self.centre_x - 0.5], [0, self.focal, self.centre_y - 0.5], [0, 0, 1]])

    def project(self, points: Points, z: float) -> Points:
        """Project world points `[..., 3]`, all in front of the camera at `z`, to pixels `[..., 2]`."""
        scale = self.focal / (points[..., 2] - z)
        return np.stack(
            [self.centre_x + (points[..., 0] - self.x) * scale, self.centre_y - (points[..., 1] - self.y) * scale], -1
        )


def street_camera(width: int, height: int, x: float) -> StreetCamera:
    """Place a camera like that of Cityscapes: a horizontal field of view of 49 degrees, 1.3 m above the road."""
    return StreetCamera(width, height, focal=1.1 * width, centre_x=width / 2, centre_y=0.44 * height, x=x, y=1.3)
