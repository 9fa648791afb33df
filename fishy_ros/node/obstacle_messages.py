"""Regions as messages: detections, markers, a point cloud, and what a threshold means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from fishy_ros.node.camera_geometry import GroundFrame
from fishy_ros.node.conversions import FrameHeader
from fishy_ros.obstacles import Box, Camera, PlacedRegion, Track

ANOMALY_CLASS: str = "anomaly"
"""The class of every detection."""

UNPLACED_DISTANCE_M: float = 5.0
"""Where the outline of a region is drawn whose distance is not known."""

MARKER_LIFETIME_S: float = 1.0
"""Markers of a node that has stopped vanish after so long."""

CLOUD_DTYPE: np.dtype[Any] = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4"), ("error", "<f4"), ("id", "<u4")]
)
"""Fields of a point: position in m, mean score of its region, standard deviation of its distance in m, id."""


@dataclass(frozen=True)
class FrameObstacles:
    """What is known of the regions of one frame."""

    header: FrameHeader
    tracks: tuple[Track, ...]
    """Confirmed ones; boxes in px of the heatmap."""
    placed: Mapping[int, PlacedRegion]
    """Where they are, by position in `tracks`; in the camera's optical frame."""
    image_scale: tuple[float, float]
    """Width and height of the image over those of the heatmap."""
    classes: Mapping[int, str]
    """Names of the classes by id."""
    camera: Camera | None = None
    """Of the heatmap; None without a calibration."""
    ground: GroundFrame | None = None


def detections_message(found: FrameObstacles, messages: Any) -> Any:
    """Build a `vision_msgs/Detection2DArray`; `messages` is the module `vision_msgs.msg`.

    Boxes are in px of the camera's image. The first hypothesis is `anomaly` with the peak score, the second the class
    in which the region hides, with a score of 0: the network says so, and is not to be believed.
    """
    header = found.header.message()
    array = messages.Detection2DArray(header=header)
    for track in found.tracks:
        box = track.region.box.scaled(*found.image_scale)
        detection = messages.Detection2D(header=header, id=str(track.id))
        detection.bbox.center.position.x = (box.left + box.right) / 2
        detection.bbox.center.position.y = (box.top + box.bottom) / 2
        detection.bbox.size_x, detection.bbox.size_y = box.width, box.height
        hypotheses = [(ANOMALY_CLASS, track.region.peak_score)]
        if track.region.class_id in found.classes:
            hypotheses.append((found.classes[track.region.class_id], 0.0))
        for name, score in hypotheses:
            result = messages.ObjectHypothesisWithPose()
            result.hypothesis.class_id, result.hypothesis.score = name, float(score)
            detection.results.append(result)
        array.detections.append(detection)
    return array


def label_info_message(header: FrameHeader, classes: Mapping[int, str], messages: Any) -> Any:
    """Build a `vision_msgs/LabelInfo` that names the values of `~/segmentation`; `messages` is `vision_msgs.msg`."""
    named = [messages.VisionClass(class_id=number, class_name=name) for number, name in sorted(classes.items())]
    return messages.LabelInfo(header=header.message(), class_map=named, threshold=0.0)


def cloud_message(found: FrameObstacles) -> PointCloud2:
    """Build a `PointCloud2` of all placed regions, with the fields of `CLOUD_DTYPE`, in the camera's or the ground's
    frame."""
    parts = []
    for position, place in sorted(found.placed.items()):
        track = found.tracks[position]
        part = np.zeros(len(place.points), CLOUD_DTYPE)
        part["x"], part["y"], part["z"] = to_frame(place.points, found.ground).T
        part["intensity"], part["error"], part["id"] = track.region.mean_score, place.error_m, track.id
        parts.append(part)
    points = np.concatenate(parts) if parts else np.zeros(0, CLOUD_DTYPE)
    fields = [
        PointField(
            name=name,
            offset=int(CLOUD_DTYPE.fields[name][1]),  # type: ignore[index]
            datatype=PointField.UINT32 if name == "id" else PointField.FLOAT32,
            count=1,
        )
        for name in CLOUD_DTYPE.names or ()
    ]
    header = found.header.message()
    header.frame_id = obstacles_frame(found)
    message = PointCloud2(
        header=header,
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=CLOUD_DTYPE.itemsize,
        row_step=CLOUD_DTYPE.itemsize * len(points),
        is_dense=True,
    )
    message.data.frombytes(points.tobytes())
    return message


def markers_message(found: FrameObstacles) -> MarkerArray:
    """Build markers for RViz and Foxglove: a box and a text where a region is placed, else its outline and the text.

    Without a calibration there is nothing to draw them by, and the array only deletes what was there.
    """
    header = found.header.message()
    header.frame_id = obstacles_frame(found)
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for position, track in enumerate(found.tracks):
        place = found.placed.get(position)
        if place is not None:
            points = to_frame(place.points, found.ground)
            markers.append(_cube(header, track, place, points, found.ground))
            where = points.mean(axis=0)
        elif found.camera is not None:
            corners = _corners(track.region.box, found.camera)
            points = to_frame(corners, found.ground)
            markers.append(_outline(header, track, points))
            where = points[:2].mean(axis=0)
        else:
            continue
        markers.append(_text(header, track, place, where, found.classes))
    return MarkerArray(markers=markers)


def threshold_message(name: str, threshold: float, low: float, share: float | None, meaning: str) -> DiagnosticStatus:
    """Build the latched description of the threshold in force."""
    values = {
        "threshold": f"{threshold:.6g}",
        "threshold_low": f"{low:.6g}",
        "normal_share_above": "unknown" if share is None else f"{share:.3g}",
    }
    return DiagnosticStatus(
        level=DiagnosticStatus.OK,
        name=f"{name}: threshold",
        message=meaning,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def obstacles_frame(found: FrameObstacles) -> str:
    """Return the frame of points and markers: that of the ground where tf knows it, else the camera's."""
    return found.ground.frame_id if found.ground is not None and found.ground.frame_id else found.header.frame_id


def to_frame(points: NDArray[np.float64], ground: GroundFrame | None) -> NDArray[np.float64]:
    """Turn points `[N, 3]` of the optical frame into the frame in which they are published."""
    if ground is None or ground.rotation is None or ground.translation is None:
        return points
    turned: NDArray[np.float64] = points @ ground.rotation.T + ground.translation
    return turned


def _corners(box: Box, camera: Camera) -> NDArray[np.float64]:
    """Return the corners of a box and the first once more, `[5, 3]`, at `UNPLACED_DISTANCE_M`."""
    around = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    return camera.intrinsics.rays(np.array([*around, around[0]])) * UNPLACED_DISTANCE_M


def _marker(header: Any, track: Track, kind: int, space: str) -> Marker:
    lifetime = Duration(sec=int(MARKER_LIFETIME_S), nanosec=int(MARKER_LIFETIME_S % 1 * 1e9))
    marker = Marker(header=header, ns=space, id=track.id & 0x7FFFFFFF, type=kind, action=Marker.ADD, lifetime=lifetime)
    marker.pose.orientation.w = 1.0
    # Red where it is seen, yellow where it is only remembered.
    marker.color = ColorRGBA(r=1.0, g=0.2 if track.index is not None else 0.8, b=0.1, a=0.6)
    return marker


def _cube(
    header: Any, track: Track, place: PlacedRegion, points: NDArray[np.float64], ground: GroundFrame | None
) -> Marker:
    marker = _marker(header, track, Marker.CUBE, "regions")
    x, y, z = points.mean(axis=0).tolist()
    marker.pose.position = Point(x=x, y=y, z=z)
    depth = max(min(place.width_m, place.height_m), 0.05)
    if ground is None or ground.rotation is None:  # optical: x right, y down, z forward
        marker.scale.x, marker.scale.y, marker.scale.z = place.width_m, max(place.height_m, 0.05), depth
        return marker
    marker.scale.x, marker.scale.y, marker.scale.z = depth, place.width_m, max(place.height_m, 0.05)
    across = points[-1] - points[0]
    heading = float(np.arctan2(across[1], across[0])) + np.pi / 2
    marker.pose.orientation.z, marker.pose.orientation.w = float(np.sin(heading / 2)), float(np.cos(heading / 2))
    return marker


def _outline(header: Any, track: Track, corners: NDArray[np.float64]) -> Marker:
    marker = _marker(header, track, Marker.LINE_STRIP, "regions")
    marker.scale.x = 0.02
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in corners.tolist()]
    return marker


def _text(
    header: Any, track: Track, place: PlacedRegion | None, where: NDArray[np.float64], classes: Mapping[int, str]
) -> Marker:
    marker = _marker(header, track, Marker.TEXT_VIEW_FACING, "texts")
    x, y, z = where.tolist()
    marker.pose.position = Point(x=x, y=y, z=z)
    marker.scale.z = 0.3
    marker.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
    parts = [f"#{track.id}", f"{track.region.peak_score:.2f}"]
    parts += [classes[track.region.class_id]] if track.region.class_id in classes else []
    parts += [f"{place.distance_m:.1f} +- {place.error_m:.1f} m"] if place is not None else []
    marker.text = " ".join(parts)
    return marker


def class_names(classes: Sequence[Any]) -> dict[int, str]:
    """Return the names of a model package's classes by id."""
    return {item.id: item.name for item in classes}
