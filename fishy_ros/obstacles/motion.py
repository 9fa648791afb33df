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

    def predict(self, box: Box, forward_m: float) -> Box | None:
        """Return the box, in px of the camera's images, after the camera has moved by `forward_m` along its axis.

        None where the foot is not on the ground in front of the camera, before or after.
        """
        intrinsics = self.camera.intrinsics
        foot = self.ground.meet(intrinsics.rays(np.array([box.foot])))[0]
        near = foot[2] - forward_m
        if not (np.isfinite(foot).all() and near > 0.5):
            return None
        # Along the ground: the axis of the camera without its part that goes into the road.
        normal = np.array(self.ground.normal)
        ahead = np.array([0.0, 0.0, 1.0]) - normal * normal[2]
        moved = foot - forward_m * ahead / np.linalg.norm(ahead)
        if moved[2] <= 0.5:
            return None
        x = intrinsics.fx * moved[0] / moved[2] + intrinsics.cx + 0.5
        y = intrinsics.fy * moved[1] / moved[2] + intrinsics.cy + 0.5
        scale = foot[2] / moved[2]
        half, height = box.width * scale / 2, box.height * scale
        return Box(x - half, y - height, x + half, y)
