"""Draw what a costmap of Nav2 would mark by the detector's obstacles, after the documentation of its layers.

python examples/costmap.py --out out/costmap  # a rendered street, whose objects are known
fishy replay --bag drive.mcap --record out/drive.mcap --param camera_height_m=1.65
python examples/costmap.py out/drive.mcap --camera-height 1.65 --out out/drive

Nav2 itself is not run. The obstacle layer is that of config/nav2/costmap_obstacles.yaml: points within its heights and
ranges are lethal, rays to the points clear what lies before them, points older than observation_persistence are
forgotten. The inflation layer gives cells within the inscribed radius 253, and 252 exp(-scaling (d - radius)) beyond.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from fishy_ros import AnomalyDetector
from fishy_ros.datasets.synthetic import FRAME_RATE, SyntheticStreet
from fishy_ros.imaging import render_overlay
from fishy_ros.obstacles import (
    Camera,
    GroundPlane,
    Intrinsics,
    PersistenceRules,
    RegionRules,
    RegionTracker,
    find_regions,
    ground_points,
)

LAYER = Path(__file__).resolve().parents[1] / "config" / "nav2" / "costmap_obstacles.yaml"
LETHAL, INSCRIBED = 254, 253
CELL_M = 0.1
SMALLEST_PX = 20  # of a region of the rendered street
AHEAD_M, BESIDE_M = 24.0, 8.0
LANE_M = 1.5  # half of the lane ahead, of which the printed numbers speak
NEAR_M = 1.0  # a mark this near to a known object is a mark of it


@dataclass(frozen=True)
class Frame:
    """What one frame tells the costmap."""

    time_s: float
    points: NDArray[np.float64]
    """float64 `[N, 3]`: x ahead, y to the left, z up from the ground, in m; the car is at 0."""
    picture: NDArray[np.uint8] | None = None
    objects: NDArray[np.float64] | None = None
    """float64 `[N, 3]`: where objects really are, ahead and to the left, and their width, in m."""


class ObstacleLayer:
    """An obstacle layer and an inflation layer around a car that drives straight ahead."""

    def __init__(self, source: dict[str, Any], radius_m: float, inflation_m: float, scaling: float) -> None:
        """Take an observation source of the layer, the inscribed radius and the parameters of the inflation."""
        self._source = source
        self._radius_m, self._inflation_m, self._scaling = radius_m, inflation_m, scaling
        self._cells = np.zeros((round(2 * BESIDE_M / CELL_M), round(AHEAD_M / CELL_M)), np.uint8)
        self._kept: list[tuple[float, NDArray[np.float64]]] = []
        self._moved_m = 0.0

    def update(self, frame: Frame, forward_m: float) -> NDArray[np.uint8]:
        """Take the points of a frame, after the car has moved, and return the lethal cells, uint8 `[y, x]`."""
        source, points = self._source, frame.points
        self._roll(forward_m)
        in_height = (points[:, 2] >= source["min_obstacle_height"]) & (points[:, 2] <= source["max_obstacle_height"])
        moved = [(at, np.column_stack([seen[:, 0] - forward_m, seen[:, 1:]])) for at, seen in self._kept]
        persistence = source["observation_persistence"]
        self._kept = [one for one in moved if frame.time_s - one[0] <= persistence]
        self._kept.append((frame.time_s, points[in_height]))
        seen = np.concatenate([one for _, one in self._kept])
        distance = np.hypot(seen[:, 0], seen[:, 1])
        for (x, y), away in zip(seen[:, :2], distance, strict=True):
            reach = min(1.0, source["raytrace_max_range"] / max(away, 1e-6))
            cv2.line(self._cells, self._cell(0.0, 0.0), self._cell(x * reach, y * reach), 0)
        marked = seen[(distance >= source["obstacle_min_range"]) & (distance <= source["obstacle_max_range"])]
        for x, y in marked[:, :2]:
            column, row = self._cell(x, y)
            if 0 <= row < self._cells.shape[0] and 0 <= column < self._cells.shape[1]:
                self._cells[row, column] = LETHAL
        return self._cells

    def inflated(self) -> NDArray[np.uint8]:
        """Return the costs with the inflation around lethal cells, uint8 `[y, x]`."""
        away = cv2.distanceTransform((self._cells != LETHAL).astype(np.uint8), cv2.DIST_L2, 5) * CELL_M
        decayed = (INSCRIBED - 1) * np.exp(-self._scaling * (away - self._radius_m))
        costs = np.where(away <= self._radius_m, INSCRIBED, np.where(away <= self._inflation_m, decayed, 0.0))
        return np.where(self._cells == LETHAL, LETHAL, costs).astype(np.uint8)

    def _roll(self, forward_m: float) -> None:
        """Move the window along, by whole cells as Nav2 does."""
        self._moved_m += forward_m
        steps = int(self._moved_m / CELL_M)
        self._moved_m -= steps * CELL_M
        if steps:
            self._cells[:, :-steps] = self._cells[:, steps:].copy()
            self._cells[:, -steps:] = 0

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        return math.floor(x / CELL_M), math.floor((BESIDE_M - y) / CELL_M)


def rendered_drive(model: str, frames: int, seed: int, rules: PersistenceRules) -> tuple[Iterator[Frame], float]:
    """Do what the node does with every frame of a rendered street; returns the frames and the speed in m/s."""
    street = SyntheticStreet(frames, seed=seed)

    def drive() -> Iterator[Frame]:
        tracker = RegionTracker(rules)
        with AnomalyDetector(model) as detector:
            threshold = detector.package.calibration.default_threshold
            for index, sample in enumerate(street):
                detection = detector.detect(sample.image)
                rows, columns = detection.score.shape
                height, width = sample.image.shape[:2]
                k, across, down = street.intrinsics, columns / width, rows / height
                centre = (k[0, 2] + 0.5) * across - 0.5, (k[1, 2] + 0.5) * down - 0.5
                camera = Camera(Intrinsics(k[0, 0] * across, k[1, 1] * down, *centre), columns, rows)
                ids = detector.package.class_ids("road,sidewalk")
                found = find_regions(
                    detection.score, detection.labels, RegionRules(threshold, smallest_px=SMALLEST_PX, drivable_ids=ids)
                )
                tracks = tracker.update(found.regions, (index + 1) / FRAME_RATE)
                boxes = [track.region.box for track in tracks if track.confirmed]
                placed = ground_points(boxes, camera, GroundPlane(street.camera_height))
                points = np.concatenate([np.zeros((0, 3)), *(one.points for one in placed)])
                objects = [(one.near, -one.x, one.width) for one in street.truth(index).objects]
                yield Frame(
                    index / FRAME_RATE,
                    to_car(points, street.camera_height, 0.0),
                    render_overlay(sample.image, cv2.resize(detection.score, (width, height)), threshold),
                    np.array(objects).reshape(-1, 3),
                )

    return drive(), street.speed


def recorded_drive(bag: Path, height_m: float, pitch_deg: float) -> Iterator[Frame]:
    """Read `~/obstacles` from a recording of `fishy replay --record`, with the newest overlay that was published."""
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    picture = None
    with AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        for connection, _, data in reader.messages():
            if connection.topic.endswith(("/overlay/compressed", "/obstacles")):
                message = reader.deserialize(data, connection.msgtype)
            if connection.topic.endswith("/overlay/compressed"):
                picture = np.asarray(cv2.imdecode(message.data, cv2.IMREAD_COLOR), np.uint8)
            elif connection.topic.endswith("/obstacles"):
                at = {field.name: field.offset for field in message.fields}
                names = ("x", "y", "z")
                layout = {"names": names, "formats": ["<f4"] * 3, "offsets": [at[name] for name in names]}
                kinds = np.dtype({**layout, "itemsize": message.point_step})
                values = np.frombuffer(message.data.tobytes(), kinds)
                points = np.column_stack([values[name] for name in names]).astype(np.float64)
                stamp = message.header.stamp
                yield Frame(stamp.sec + stamp.nanosec * 1e-9, to_car(points, height_m, pitch_deg), picture)


def to_car(points: NDArray[np.float64], height_m: float, pitch_deg: float) -> NDArray[np.float64]:
    """Turn points of the optical frame (x right, y down, z forward) into the car's (x ahead, y left, z up)."""
    pitch = math.radians(pitch_deg)
    ahead = points[:, 2] * math.cos(pitch) - points[:, 1] * math.sin(pitch)
    down = points[:, 2] * math.sin(pitch) + points[:, 1] * math.cos(pitch)
    return np.column_stack([ahead, -points[:, 0], height_m - down])


def draw(costs: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    """Draw the costmap as RViz does, the car at the bottom, beside the picture of the frame."""
    scale = 3
    shown = cv2.applyColorMap(255 - np.minimum(costs, 252), cv2.COLORMAP_BONE)
    shown[costs == INSCRIBED] = (220, 200, 90)
    shown[costs == LETHAL] = (160, 30, 230)
    shown = cv2.resize(cv2.rotate(shown, cv2.ROTATE_90_COUNTERCLOCKWISE), None, fx=scale, fy=scale,
                       interpolation=cv2.INTER_NEAREST)  # fmt: skip
    for ahead, left, width in [] if frame.objects is None else frame.objects:
        middle = round((BESIDE_M - left) / CELL_M * scale), round((AHEAD_M - ahead) / CELL_M * scale)
        cv2.circle(shown, middle, round(max(width, 0.6) / CELL_M * scale), (30, 140, 30), 2, cv2.LINE_AA)
    if frame.picture is None:
        return np.asarray(shown, np.uint8)
    height = shown.shape[0] * frame.picture.shape[1] // frame.picture.shape[0]
    left = cv2.resize(frame.picture, (height, shown.shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(np.hstack([left, shown]), np.uint8)


def main() -> None:
    """Feed a drive to the layers, print how much is marked, and draw the frame with the most lethal cells."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag", type=Path, nargs="?", help="recording of a replay; default: a rendered street")
    parser.add_argument("--model", default="fishy-s", help="model package for the rendered street")
    parser.add_argument("--frames", type=int, default=60, help="frames of the rendered street")
    parser.add_argument("--seed", type=int, default=0, help="seed of the rendered street")
    parser.add_argument("--camera-height", type=float, default=1.4, help="of a recording, in m")
    parser.add_argument("--camera-pitch", type=float, default=0.0, help="of a recording, in degrees, down")
    parser.add_argument("--speed", type=float, default=0.0, help="of a recording, in m/s")
    parser.add_argument("--period", type=float, help="of the frames of a recording made in lockstep, in s")
    parser.add_argument("--confirm", default="3/5", help="rule for the rendered street: confirmed after N of M frames")
    parser.add_argument("--radius", type=float, default=0.9, help="inscribed radius of the car in m")
    parser.add_argument("--inflation", type=float, default=1.8, help="inflation_radius in m")
    parser.add_argument("--scaling", type=float, default=3.0, help="cost_scaling_factor")
    parser.add_argument("--out", type=Path, default=Path("out/costmap"), help="folder of the picture")
    options = parser.parse_args()

    layer = yaml.safe_load(LAYER.read_text())["local_costmap"]["local_costmap"]["ros__parameters"]["anomaly_layer"]
    costmap = ObstacleLayer(layer["anomalies"], options.radius, options.inflation, options.scaling)
    if options.bag is None:
        hits, _, window = options.confirm.partition("/")
        drive, speed = rendered_drive(
            options.model, options.frames, options.seed, PersistenceRules(int(hits), int(window))
        )
    else:
        drive, speed = recorded_drive(options.bag, options.camera_height, options.camera_pitch), options.speed
    marks, blocked, clear, near, known, before = [], 0, 0, 0, 0, None
    most: tuple[int, NDArray[np.uint8] | None] = (-1, None)
    for number, frame in enumerate(drive):
        if options.period:
            frame = replace(frame, time_s=number * options.period)
        cells = costmap.update(frame, 0.0 if before is None else speed * (frame.time_s - before))
        before = frame.time_s
        rows, columns = np.nonzero(cells == LETHAL)
        ahead, left = (columns + 0.5) * CELL_M, BESIDE_M - (rows + 0.5) * CELL_M
        marks.append(len(rows))
        blocked += bool((np.abs(left) <= LANE_M).any())
        if frame.objects is not None:
            reach = layer["anomalies"]["obstacle_max_range"]
            objects = frame.objects[(frame.objects[:, 0] > 3.0) & (np.hypot(*frame.objects[:, :2].T) < reach)]
            gaps = np.hypot(ahead[:, None] - objects[:, 0], left[:, None] - objects[:, 1]) - objects[:, 2] / 2
            known += len(objects)
            near += int((gaps <= NEAR_M).any(axis=0).sum()) if len(rows) else 0
            clear += int((gaps > NEAR_M).all(axis=1).sum()) if len(objects) else len(rows)
        if len(rows) > most[0]:
            most = (len(rows), draw(costmap.inflated(), frame))
    if most[1] is None:
        raise SystemExit(f"{options.bag}: no message on a topic that ends with /obstacles")
    options.out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.out / "costmap.png"), most[1])
    print(f"{len(marks)} frames: {np.median(marks):.0f} lethal cells in the median frame, {max(marks)} at most")
    print(f"the lane {AHEAD_M:.0f} m ahead has a lethal cell in {blocked / len(marks):.0%} of the frames")
    if known:
        print(f"objects within range that are marked to {NEAR_M:g} m: {near / known:.0%} of {known} sightings")
        print(f"lethal cells farther than that from every object: {clear / max(sum(marks), 1):.0%}")
    print(f"{options.out / 'costmap.png'} shows the frame with the most")


if __name__ == "__main__":
    main()
