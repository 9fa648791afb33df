"""From heatmaps to followed regions and their places: the state that lives from frame to frame."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo

from fishy_ros.errors import ConfigError, ImageError
from fishy_ros.node.camera_geometry import GroundFrame, heatmap_camera
from fishy_ros.node.conversions import FrameHeader
from fishy_ros.node.obstacle_inputs import ObstacleInputs
from fishy_ros.node.obstacle_messages import FrameObstacles
from fishy_ros.obstacles import (
    AnomalyRegions,
    Box,
    Camera,
    GroundMotion,
    GroundPlane,
    PersistenceRules,
    PlacedRegion,
    Region,
    RegionRules,
    RegionTracker,
    Track,
    depth_points,
    find_regions,
    ground_points,
)
from fishy_ros.obstacles.mask import ANOMALOUS, Component
from fishy_ros.types import LabelMap, ScoreMap


@dataclass(frozen=True)
class ObstacleSettings:
    """What counts as a region of the frame at hand, and how it is placed."""

    rules: RegionRules
    persistence: PersistenceRules
    mask_has_image_size: bool = False
    is_rectified: bool = False
    camera_height_m: float = 0.0
    """0 where the mounting is not given as numbers."""
    camera_pitch_rad: float = 0.0
    camera_roll_rad: float = 0.0
    pitch_error_rad: float = math.radians(0.3)
    max_distance_m: float = 80.0


class ObstacleFinder:
    """Finds, follows and places regions; one for a run of the node, used by the thread of the worker."""

    def __init__(self, classes: Mapping[int, str], inputs: ObstacleInputs) -> None:
        """Follow regions; `classes` are names by id, `inputs` knows depth, speed and ground where they are known."""
        self._classes = classes
        self._inputs = inputs
        # Made before the first frame: it loads SciPy, which takes a third of a second.
        self._tracker = RegionTracker(PersistenceRules())
        self._last_s: float | None = None
        self.problem = ""
        """Why regions cannot be placed; empty where they can."""

    @property
    def classes(self) -> Mapping[int, str]:
        """Names of the model's classes by id."""
        return self._classes

    def close(self) -> None:
        """Stop listening."""
        self._inputs.close()

    def find(self, score: ScoreMap, labels: LabelMap, settings: ObstacleSettings) -> AnomalyRegions:
        """Find the regions of a frame.

        Raises:
            ScoreError: the maps do not fit together.
        """
        return find_regions(score, labels, settings.rules)

    def everything(self, size: tuple[int, int]) -> AnomalyRegions:
        """Return one region that covers a heatmap of `size`, for a frame of which nothing is known."""
        rows, columns = size
        region = Region(Box(0.0, 0.0, float(columns), float(rows)), rows * columns, 1.0, 1.0)
        whole = Component(0, 0, np.ones(size, np.uint8), rows * columns)
        return AnomalyRegions((region,), np.full(size, ANOMALOUS, np.uint8), (whole,))

    def follow(
        self,
        header: FrameHeader,
        found: AnomalyRegions,
        image_size: tuple[int, int],
        camera_info: CameraInfo | None,
        settings: ObstacleSettings,
    ) -> FrameObstacles:
        """Follow the regions of the next frame and place the confirmed ones."""
        camera, ground = self._geometry(header, found, camera_info, settings)
        now_s = header.stamp_ns / 1e9 or time.monotonic()
        self._tracker.rules = settings.persistence
        self._tracker.motion = GroundMotion(camera, ground.plane, ground.ahead) if camera and ground else None
        tracks = tuple(
            track for track in self._tracker.update(found.regions, now_s, self._forward_m(now_s)) if track.confirmed
        )
        placed = self._place(header, found, tracks, image_size, camera, ground, settings)
        return self._frame(header, found, tracks, placed, image_size, camera, ground)

    def follow_everything(
        self,
        header: FrameHeader,
        found: AnomalyRegions,
        image_size: tuple[int, int],
        camera_info: CameraInfo | None,
        settings: ObstacleSettings,
    ) -> FrameObstacles:
        """Place the one region of `everything`, which nobody follows: it stands in front of the car at once."""
        camera, ground = self._geometry(header, found, camera_info, settings)
        tracks = (Track(0, found.regions[0], 0.0, True, 0),)
        placed = self._place(header, found, tracks, image_size, camera, ground, settings)
        return self._frame(header, found, tracks, placed, image_size, camera, ground)

    def _frame(
        self,
        header: FrameHeader,
        found: AnomalyRegions,
        tracks: tuple[Track, ...],
        placed: Mapping[int, PlacedRegion] | None,
        image_size: tuple[int, int],
        camera: Camera | None,
        ground: GroundFrame | None,
    ) -> FrameObstacles:
        rows, columns = found.mask.shape
        scale = (image_size[1] / columns, image_size[0] / rows)
        return FrameObstacles(header, tracks, placed, scale, self._classes, camera, ground)

    def _geometry(
        self, header: FrameHeader, found: AnomalyRegions, info: CameraInfo | None, settings: ObstacleSettings
    ) -> tuple[Camera | None, GroundFrame | None]:
        """Return the camera and the ground as far as they are known, and note what is missing."""
        camera, ground = None, None
        try:
            if info is None:
                raise ConfigError("no camera_info: regions are not placed")
            rows, columns = found.mask.shape
            camera = heatmap_camera(info, rows, columns, settings.is_rectified)
            if self._inputs.transforms is not None:
                ground = self._inputs.transforms.find(header.frame_id, settings.pitch_error_rad)
            elif settings.camera_height_m > 0:
                angles = settings.camera_pitch_rad, settings.camera_roll_rad, settings.pitch_error_rad
                ground = GroundFrame(GroundPlane.mounted(settings.camera_height_m, *angles))
            elif not self._inputs.uses_depth:
                raise ConfigError(
                    "neither camera_height_m nor ground_frame nor use_depth is set: regions are not placed"
                )
            self.problem = ""
        except ConfigError as error:
            self.problem = str(error)
        return camera, ground

    def _place(
        self,
        header: FrameHeader,
        found: AnomalyRegions,
        tracks: tuple[Track, ...],
        image_size: tuple[int, int],
        camera: Camera | None,
        ground: GroundFrame | None,
        settings: ObstacleSettings,
    ) -> dict[int, PlacedRegion] | None:
        """Return where tracks are, by position, depth before the ground; None where neither is known."""
        if camera is None:
            return None
        depth = self._depth_of(header, image_size)
        if ground is None and depth is None:
            return None
        placed: dict[int, PlacedRegion] = {}
        if ground is not None:
            boxes = [track.region.box for track in tracks]
            placed = {
                place.index: place for place in ground_points(boxes, camera, ground.plane, max_distance_m=math.inf)
            }
        if depth is not None:
            position_of = {track.index: position for position, track in enumerate(tracks) if track.index is not None}
            for place in depth_points(found, depth, camera, max_distance_m=math.inf):
                if place.index in position_of:
                    placed[position_of[place.index]] = place
        # Only now: depth may say that a region is farther than the ground below it.
        return {index: place for index, place in placed.items() if place.distance_m <= settings.max_distance_m}

    def _depth_of(self, header: FrameHeader, image_size: tuple[int, int]) -> NDArray[np.float32] | None:
        if not self._inputs.uses_depth:
            return None
        try:
            return self._inputs.depth_of(header, image_size)
        except ImageError as error:
            self.problem = self.problem or str(error)
            return None

    def _forward_m(self, now_s: float) -> float | None:
        before, self._last_s = self._last_s, now_s
        speed = self._inputs.speed_m_s()
        return None if before is None or speed is None else speed * (now_s - before)
