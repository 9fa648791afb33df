"""Find heatmaps, masks and points that must not have been published."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sensor_msgs.msg import Image, PointCloud2

from fishy_ros.evaluation.live.replay_messages import score_of
from fishy_ros.node.obstacle_messages import CLOUD_DTYPE
from fishy_ros.node.stamps import UNSTAMPED_NS
from fishy_ros.obstacles import Camera, GroundPlane, Intrinsics, RegionRules, find_regions, ground_points
from support.faults.camera import SECOND, SentFrame

THRESHOLD = 0.4
"""Of the nodes under fault: low enough that noise has regions."""

CAMERA_HEIGHT_M, CAMERA_PITCH_DEG, FOCAL_PX = 1.5, 5.0, 100.0
"""How the cameras under fault are mounted, and what their calibration says."""

Score = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
Shows = Callable[[Any, SentFrame, Score], bool]
"""Says whether a message is what a frame has to give."""


@dataclass(frozen=True)
class Heard:
    """A heatmap, mask or cloud of points that came back."""

    message: Image | PointCloud2
    at: float
    """Monotonic time of its arrival in s."""

    @property
    def stamp_ns(self) -> int:
        """The stamp that it carries."""
        stamp = self.message.header.stamp
        return int(stamp.sec * SECOND + stamp.nanosec)


def wrong_publications(
    heard: Sequence[Heard],
    sent: Callable[[int], Sequence[SentFrame]],
    score: Score,
    last_before_ns: int | None,
    clock_steps_back: int = 0,
    kind: str = "heatmap",
) -> list[str]:
    """Name every message that was never due, came twice, came out of order, or shows another frame than its stamp's.

    Where the stamp is 0, the order is that in which the frames were sent.

    Args:
        heard: what came, in order.
        sent: all good frames with a stamp.
        score: the heatmap that an image has to give.
        last_before_ns: stamp of the heatmap before these.
        clock_steps_back: how often the camera's clock went back, after which older stamps are right.
        kind: what the messages are, a key of `SHOWS`.
    """
    wrong, seen, last_ns, unstamped = [], set(), last_before_ns, 0
    for one in heard:
        stamp_ns, name = one.stamp_ns, f"{kind} {one.stamp_ns}"
        frames = sent(stamp_ns)
        # What has no stamp is most likely the next of many, and to compare with a frame takes an inference.
        numbers = (*range(unstamped + 1, len(frames) + 1), *range(1, min(unstamped, len(frames)) + 1))
        shown = next((number for number in numbers if SHOWS[kind](one.message, frames[number - 1], score)), None)
        if not frames:
            wrong.append(f"{name}: no good frame had this stamp")
        elif shown is None:
            wrong.append(f"{name}: it is not the {kind} of its frame")
        if stamp_ns == UNSTAMPED_NS:
            if shown is not None and shown <= unstamped:
                wrong.append(f"{name}: of frame {shown} without a stamp, after that of frame {unstamped}")
            unstamped = shown or unstamped
            continue
        if stamp_ns in seen:
            wrong.append(f"{name}: published twice")
        elif last_ns is not None and stamp_ns <= last_ns:
            clock_steps_back -= 1
            if clock_steps_back < 0:
                wrong.append(f"{name}: older than {last_ns}, which came before")
        seen.add(stamp_ns)
        last_ns = stamp_ns
    return wrong


def _shows_score(message: Image, frame: SentFrame, score: Score) -> bool:
    return message.header.frame_id == frame.frame_id and np.array_equal(score_of(message), score(frame.image))


def _shows_mask(message: Image, frame: SentFrame, score: Score) -> bool:
    expected = score(frame.image) >= np.float32(THRESHOLD)
    pixels = np.frombuffer(bytes(message.data), np.uint8).reshape(message.height, message.width)
    return message.header.frame_id == frame.frame_id and np.array_equal(pixels, expected * np.uint8(255))


def _shows_points(message: PointCloud2, frame: SentFrame, score: Score) -> bool:
    """Accept all points of the frame's regions, or none, where its calibration was late for it."""
    points = np.frombuffer(bytes(message.data), CLOUD_DTYPE)
    if message.header.frame_id != frame.frame_id or len(points) != message.width:
        return False
    expected = _expected_points(frame, score(frame.image))
    published = np.stack([points["x"], points["y"], points["z"]], axis=1)
    return not len(points) or (published.shape == expected.shape and _are_same(published, expected))


def _expected_points(frame: SentFrame, score: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place the regions of a heatmap by the camera of `calibration_of`."""
    rows, columns = score.shape
    height, width = frame.image.shape[:2]
    across, down = columns / width, rows / height
    centre_x, centre_y = width / 2 * across - 0.5, (height / 4 + 0.5) * down - 0.5
    camera = Camera(Intrinsics(FOCAL_PX * across, FOCAL_PX * down, centre_x, centre_y), columns, rows)
    boxes = [region.box for region in find_regions(score, None, RegionRules(THRESHOLD)).regions]
    ground = GroundPlane.mounted(CAMERA_HEIGHT_M, math.radians(CAMERA_PITCH_DEG))
    placed = [place.points for place in ground_points(boxes, camera, ground)]
    return np.concatenate([np.zeros((0, 3)), *placed]).astype(np.float32)


def _are_same(some: NDArray[np.float32], others: NDArray[np.float32]) -> bool:
    """Compare points whatever their order: each has one of the others at its place."""
    pairs = ((some, others), (others, some))
    return all(cKDTree(these).query(those)[0].max() < 1e-3 for these, those in pairs)


SHOWS: Mapping[str, Shows] = {"heatmap": _shows_score, "mask": _shows_mask, "obstacles": _shows_points}
"""What is listened to and judged; their names are those of the topics."""
