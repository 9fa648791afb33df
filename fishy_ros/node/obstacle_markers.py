"""Regions as markers for RViz, Foxglove and Rerun."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from fishy_ros.node.camera_geometry import GroundFrame
from fishy_ros.node.obstacle_messages import FrameObstacles, obstacles_frame, to_frame
from fishy_ros.obstacles import Box, Camera, PlacedRegion, Track

UNPLACED_DISTANCE_M: float = 5.0
"""Where the outline of a region is drawn whose distance is not known."""

MARKER_LIFETIME_S: float = 1.0
"""Markers of a node that has stopped vanish after so long."""

THINNEST_M: float = 0.05
TEXT_HEIGHT_M: float = 0.3


class MarkerBuilder(threading.local):
    """Builds the markers of a frame out of those of the frames before: making one anew takes rclpy 0.1 ms.

    A message is valid until the next one is built on the same thread. Every thread has markers of its own: one that
    hangs and is abandoned must not write into those of its successor.
    """

    def __init__(self) -> None:
        """Start without markers."""
        self._made: dict[int, list[Marker]] = {Marker.CUBE: [], Marker.LINE_STRIP: [], Marker.TEXT_VIEW_FACING: []}
        self._used = dict.fromkeys(self._made, 0)
        self._start = Marker(action=Marker.DELETEALL)

    def build(self, found: FrameObstacles) -> MarkerArray:
        """Build a box and a text where a region is placed, else its outline and the text.

        Without a calibration there is nothing to draw them by, and the array only deletes what was there.
        """
        self._used = dict.fromkeys(self._made, 0)
        header = found.header.message()
        header.frame_id = obstacles_frame(found)
        self._start.header = header
        markers, up = [self._start], _up(found.ground)
        placed = found.placed or {}
        unplaced = [track.region.box for position, track in enumerate(found.tracks) if position not in placed]
        outlines = iter(_outlines(unplaced, found.camera, found.ground) if found.camera and unplaced else ())
        for position, track in enumerate(found.tracks):
            place = placed.get(position)
            if place is not None:
                points = to_frame(place.points, found.ground)
                where = points.mean(axis=0)
                markers.append(_cube(self._take(Marker.CUBE, header, track), place, where, points, found.ground))
                top = where + up * place.height_m / 2
            elif found.camera is not None:
                points = next(outlines)
                top = (points[0] + points[1]) / 2
                markers.append(_outline(self._take(Marker.LINE_STRIP, header, track), points))
            else:
                continue
            text = self._take(Marker.TEXT_VIEW_FACING, header, track)
            markers.append(_text(text, track, place, top + up * TEXT_HEIGHT_M, found.classes))
        return MarkerArray(markers=markers)

    def _take(self, kind: int, header: Any, track: Track) -> Marker:
        """Return a marker of a kind that this frame does not use yet, with its header, its id and its color."""
        number = self._used[kind]
        self._used[kind] = number + 1
        made = self._made[kind]
        if number == len(made):
            made.append(_new_marker(kind))
        marker = made[number]
        marker.header, marker.id = header, track.id & 0x7FFFFFFF
        if kind != Marker.TEXT_VIEW_FACING:
            # Red where it is seen, yellow where it is only remembered.
            marker.color.g = 0.2 if track.index is not None else 0.8
        return marker


def _new_marker(kind: int) -> Marker:
    """Make a marker with everything that is the same in all frames."""
    lifetime = Duration(sec=int(MARKER_LIFETIME_S), nanosec=int(MARKER_LIFETIME_S % 1 * 1e9))
    is_text = kind == Marker.TEXT_VIEW_FACING
    marker = Marker(ns="texts" if is_text else "regions", type=kind, action=Marker.ADD, lifetime=lifetime)
    marker.pose.orientation.w = 1.0
    marker.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0) if is_text else ColorRGBA(r=1.0, g=0.2, b=0.1, a=0.6)
    if is_text:
        marker.scale.z = TEXT_HEIGHT_M
    elif kind == Marker.LINE_STRIP:
        marker.scale.x = 0.02
    return marker


def _outlines(boxes: Sequence[Box], camera: Camera, ground: GroundFrame | None) -> NDArray[np.float64]:
    """Return the corners of boxes and the first of each once more, `[N, 5, 3]`, at `UNPLACED_DISTANCE_M`."""
    left, top, right, bottom = np.array([(box.left, box.top, box.right, box.bottom) for box in boxes]).T
    pixels = np.stack([left, top, right, top, right, bottom, left, bottom, left, top], axis=1)
    return to_frame(camera.intrinsics.rays(pixels) * UNPLACED_DISTANCE_M, ground).reshape(-1, 5, 3)


def _cube(
    marker: Marker,
    place: PlacedRegion,
    where: NDArray[np.float64],
    points: NDArray[np.float64],
    ground: GroundFrame | None,
) -> Marker:
    _move(marker, where)
    height = max(place.height_m, THINNEST_M)
    depth = max(min(place.width_m, place.height_m), THINNEST_M)
    scale, turn = marker.scale, marker.pose.orientation
    if _is_optical(ground):
        scale.x, scale.y, scale.z = place.width_m, height, depth
        turn.z, turn.w = 0.0, 1.0
        return marker
    scale.x, scale.y, scale.z = depth, place.width_m, height
    across = points[-1] - points[0]
    heading = float(np.arctan2(across[1], across[0])) + np.pi / 2
    turn.z, turn.w = float(np.sin(heading / 2)), float(np.cos(heading / 2))
    return marker


def _outline(marker: Marker, corners: NDArray[np.float64]) -> Marker:
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in corners.tolist()]
    return marker


def _text(
    marker: Marker, track: Track, place: PlacedRegion | None, where: NDArray[np.float64], classes: Mapping[int, str]
) -> Marker:
    _move(marker, where)
    parts = [f"#{track.id}", f"{track.region.peak_score:.2f}"]
    parts += [classes[track.region.class_id]] if track.region.class_id in classes else []
    parts += [f"{place.distance_m:.1f} +- {place.error_m:.1f} m"] if place is not None else []
    marker.text = " ".join(parts)
    return marker


def _up(ground: GroundFrame | None) -> NDArray[np.float64]:
    """Return the direction of up in the frame of the markers: z on the ground, against y in the optical frame."""
    return np.array([0.0, -1.0, 0.0] if _is_optical(ground) else [0.0, 0.0, 1.0])


def _is_optical(ground: GroundFrame | None) -> bool:
    """Say whether markers are in the optical frame: x right, y down, z forward."""
    return ground is None or ground.rotation is None


def _move(marker: Marker, where: NDArray[np.float64]) -> None:
    position = marker.pose.position
    position.x, position.y, position.z = where.tolist()
