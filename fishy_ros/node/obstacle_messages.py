"""Regions as messages: detections, a point cloud, and what a threshold means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

from fishy_ros.node.camera_geometry import GroundFrame
from fishy_ros.node.conversions import FrameHeader
from fishy_ros.obstacles import Camera, PlacedRegion, Track

ANOMALY_CLASS: str = "anomaly"
"""The class of every detection."""

CLOUD_DTYPE: np.dtype[Any] = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4"), ("error", "<f4"), ("id", "<u4")]
)
"""Fields of a point: position in m, mean score of its region, standard deviation of its distance in m, id."""

_CLOUD_FIELDS: list[PointField] = [
    PointField(
        name=name,
        offset=int(CLOUD_DTYPE.fields[name][1]),  # type: ignore[index]
        datatype=PointField.UINT32 if name == "id" else PointField.FLOAT32,
        count=1,
    )
    for name in CLOUD_DTYPE.names or ()
]


@dataclass(frozen=True)
class FrameObstacles:
    """What is known of the regions of one frame."""

    header: FrameHeader
    tracks: tuple[Track, ...]
    """Confirmed ones; boxes in px of the heatmap."""
    placed: Mapping[int, PlacedRegion] | None
    """Where they are, by position in `tracks`, in the camera's optical frame; None where that cannot be told."""
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
    placed = [(found.tracks[position], place) for position, place in sorted((found.placed or {}).items())]
    points = np.zeros(sum(len(place.points) for _, place in placed), CLOUD_DTYPE)
    if placed:
        counts = [len(place.points) for _, place in placed]
        points["x"], points["y"], points["z"] = to_frame(
            np.concatenate([place.points for _, place in placed]), found.ground
        ).T
        points["intensity"] = np.repeat([track.region.mean_score for track, _ in placed], counts)
        points["error"] = np.repeat([place.error_m for _, place in placed], counts)
        points["id"] = np.repeat([track.id for track, _ in placed], counts)
    header = found.header.message()
    header.frame_id = obstacles_frame(found)
    message = PointCloud2(
        header=header,
        height=1,
        width=len(points),
        fields=_CLOUD_FIELDS,
        is_bigendian=False,
        point_step=CLOUD_DTYPE.itemsize,
        row_step=CLOUD_DTYPE.itemsize * len(points),
        is_dense=True,
    )
    message.data.frombytes(points.tobytes())
    return message


def threshold_message(name: str, meaning: str, values: Mapping[str, str]) -> DiagnosticStatus:
    """Build the latched description of the threshold in force."""
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


def class_names(classes: Sequence[Any]) -> dict[int, str]:
    """Return the names of a model package's classes by id."""
    return {item.id: item.name for item in classes}
