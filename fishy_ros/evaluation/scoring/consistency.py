"""Temporal consistency: how much a heatmap changes on what has not changed, where motion and depth are known."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.imaging import resize_score
from fishy_ros.obstacles import Camera
from fishy_ros.types import ScoreMap

SAME_DEPTH: float = 0.05
"""A pixel shows the same thing in both frames if its depths agree by this share of the depth."""


@dataclass(frozen=True)
class ConsistencyScores:
    """Mean over the pixels of all pairs of frames that show the same thing in both."""

    mean_change: float
    """Mean absolute change of the score, in [0, 1]."""
    flip_share: float
    """Share of the pixels whose score changed sides of the threshold."""
    pixels: int


class ConsistencyScorer:
    """Compare each heatmap with the one before, moved as a camera that drives straight ahead moves the image."""

    def __init__(self, camera: Camera, threshold: float) -> None:
        """`camera` is that of the depth images."""
        self._camera = camera
        self._threshold = np.float32(threshold)
        self._before: tuple[ScoreMap, NDArray[np.float32]] | None = None
        self._change = 0.0
        self._flips = self._pixels = 0

    def add(self, score: ScoreMap, depth_m: NDArray[np.float32], forward_m: float) -> None:
        """Add the next frame: float32 `[h, w]`, depths float32 `[H, W]` (NaN: unknown) and the way driven, in m."""
        score = resize_score(score, *depth_m.shape)
        if self._before is not None:
            old_score, old_depth = self._before
            across, down = self._look_back(depth_m, forward_m)
            moved = cv2.remap(old_score, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-1)
            seen = cv2.remap(old_depth, across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=-1)
            expected = depth_m + np.float32(forward_m)
            with np.errstate(invalid="ignore"):
                same = (np.abs(seen - expected) <= SAME_DEPTH * expected) & (moved >= 0)
            self._change += float(np.abs(score - moved)[same].sum(dtype=np.float64))
            self._flips += int(np.count_nonzero(((score >= self._threshold) != (moved >= self._threshold))[same]))
            self._pixels += int(np.count_nonzero(same))
        self._before = (score, depth_m)

    def compute(self) -> ConsistencyScores | None:
        """Evaluate all pairs so far; None without a pixel."""
        if not self._pixels:
            return None
        return ConsistencyScores(self._change / self._pixels, self._flips / self._pixels, self._pixels)

    def _look_back(
        self, depth_m: NDArray[np.float32], forward_m: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return column and row, in the frame before, of what each pixel shows now."""
        intrinsics = self._camera.intrinsics
        rows, columns = np.indices(depth_m.shape, np.float32)
        with np.errstate(invalid="ignore"):
            scale = depth_m / (depth_m + np.float32(forward_m))
        across = np.float32(intrinsics.cx) + (columns - np.float32(intrinsics.cx)) * scale
        down = np.float32(intrinsics.cy) + (rows - np.float32(intrinsics.cy)) * scale
        return np.nan_to_num(across, nan=-10.0), np.nan_to_num(down, nan=-10.0)
