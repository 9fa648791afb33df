"""Where a region is expected after the car has moved: what stands on the ground grows and sinks in a known way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fishy_ros.obstacles.geometry import Camera, GroundPlane
from fishy_ros.obstacles.regions import Box


@dataclass(frozen=True)
class GroundMotion:
    """Predicts the box of something that stands still on the ground while the camera moves straight ahead."""

    camera: Camera
    ground: GroundPlane
    ahead: tuple[float, float, float] | None = None
    """The way that the car drives, in the optical frame; None: along the camera's axis."""

    def predict(self, box: Box, forward_m: float) -> Box | None:
        """Return the box, in px of the camera's images, after the car has driven `forward_m` ahead.

        None where the foot is not on the ground in front of the camera, before or after.
        """
        intrinsics = self.camera.intrinsics
        foot = self.ground.meet(intrinsics.rays(np.array([box.foot])))[0]
        # Along the ground: the way ahead without its part that goes into the road.
        normal, way = np.array(self.ground.normal), np.array(self.ahead or (0.0, 0.0, 1.0))
        way -= normal * (normal @ way)
        moved = foot - forward_m * way / np.linalg.norm(way)
        if not (np.isfinite(foot).all() and moved[2] > 0.5):
            return None
        x, y = intrinsics.pixels(moved[None])[0]
        scale = foot[2] / moved[2]
        half, height = box.width * scale / 2, box.height * scale
        return Box(x - half, y - height, x + half, y)
