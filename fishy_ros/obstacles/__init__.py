"""From a heatmap to something a robot acts on: mask, regions, persistence over frames, points in space.

Nothing here knows ROS or an inference engine.
"""

from __future__ import annotations

from fishy_ros.obstacles.geometry import Camera, GroundPlane, Intrinsics
from fishy_ros.obstacles.motion import GroundMotion
from fishy_ros.obstacles.persistence import PersistenceRules, RegionTracker, Track
from fishy_ros.obstacles.points import PlacedRegion, depth_points, ground_points
from fishy_ros.obstacles.regions import AnomalyRegions, Box, Region, RegionRules, find_regions

__all__ = [
    "AnomalyRegions",
    "Box",
    "Camera",
    "GroundMotion",
    "GroundPlane",
    "Intrinsics",
    "PersistenceRules",
    "PlacedRegion",
    "Region",
    "RegionRules",
    "RegionTracker",
    "Track",
    "depth_points",
    "find_regions",
    "ground_points",
]
