"""Component metrics of SegmentMeIfYouCan: how well whole objects are found.

Chan et al., "SegmentMeIfYouCan: A Benchmark for Anomaly Segmentation", NeurIPS 2021 (datasets and benchmarks),
section 4.2. Pixels at or above a threshold (there: the one with the best pixel F1) are predicted. Components are
8-connected. Predicted components lie outside ignored pixels, and small ones are removed; small true components
become ignored.

- sIoU of a true component: pixels shared with predictions, over the union of it with every predicted component
  that touches it, less pixels of that union which belong to other true components.
- PPV of a predicted component: share of its pixels on true components.
- For each of 11 limits t from 0.25 to 0.75: TP are true components with sIoU >= t, FN the other ones, FP predicted
  components with PPV < t; F1* is the mean of F1 = 2 TP / (2 TP + FN + FP) over the limits.

sIoU and PPV are averaged over the components of all frames. F1 is 0 where there is neither a true nor a predicted
component.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ScoreError
from fishy_ros.types import ANOMALY, IGNORED, LabelMap, ScoreMap

LIMITS: NDArray[np.float64] = np.linspace(0.25, 0.75, 11, dtype=np.float64)
"""The values of sIoU and PPV at which a component counts as found."""


@dataclass(frozen=True)
class Track:
    """Smallest components that count, in px."""

    name: str
    min_predicted: int
    min_true: int


TRACKS: dict[str, Track] = {
    "anomaly": Track("anomaly", min_predicted=500, min_true=100),
    "obstacle": Track("obstacle", min_predicted=50, min_true=10),
}
"""The two tracks of the benchmark (RoadAnomaly21; RoadObstacle21 and Lost and Found)."""


@dataclass(frozen=True)
class ComponentMetrics:
    """Component metrics of all frames; fractions of 1, NaN where there is no component to average."""

    siou: float
    ppv: float
    f1: float
    """F1*, the mean over `LIMITS`."""
    f1_at: tuple[float, ...]
    """F1 at each of `LIMITS`."""
    true_components: int
    predicted_components: int
    threshold: float
    track: str


@dataclass(frozen=True)
class FrameComponents:
    """The components of one frame: sIoU of each true one, PPV of each predicted one; float64 `[N]`, `[M]`."""

    siou: NDArray[np.float64]
    ppv: NDArray[np.float64]


class ComponentAccumulator:
    """Evaluate components over a stream of frames at one threshold."""

    def __init__(self, threshold: float, track: Track = TRACKS["anomaly"]) -> None:
        self._threshold = threshold
        self._track = track
        self._frames: list[FrameComponents] = []

    def update(self, score: ScoreMap, labels: LabelMap, frame: str) -> FrameComponents:
        """Add one frame; float32 `[H, W]` and uint8 `[H, W]` with `NORMAL`, `ANOMALY` and `IGNORED`.

        Raises:
            ScoreError: the shapes differ.
        """
        if score.shape != labels.shape:
            raise ScoreError(f"{frame}: the score map is {score.shape}, the labels are {labels.shape}")
        components = frame_components(score >= np.float32(self._threshold), labels, self._track)
        self._frames.append(components)
        return components

    def compute(self) -> ComponentMetrics:
        """Evaluate all frames so far."""
        siou = np.concatenate([np.empty(0), *(frame.siou for frame in self._frames)])
        ppv = np.concatenate([np.empty(0), *(frame.ppv for frame in self._frames)])
        found = np.count_nonzero(siou[None] >= LIMITS[:, None], axis=1)
        false = np.count_nonzero(ppv[None] < LIMITS[:, None], axis=1)
        f1 = 2 * found / np.maximum(found + siou.size + false, 1)
        return ComponentMetrics(
            siou=float(siou.mean()) if siou.size else float("nan"),
            ppv=float(ppv.mean()) if ppv.size else float("nan"),
            f1=float(f1.mean()),
            f1_at=tuple(f1.tolist()),
            true_components=siou.size,
            predicted_components=ppv.size,
            threshold=self._threshold,
            track=self._track.name,
        )


def find_track(name: str) -> Track:
    """Return a track by name.

    Raises:
        ScoreError: there is no such track.
    """
    if name not in TRACKS:
        raise ScoreError(f"component track {name!r}: expected one of {', '.join(TRACKS)}")
    return TRACKS[name]


def frame_components(predicted: NDArray[np.bool_], labels: LabelMap, track: Track) -> FrameComponents:
    """Evaluate the components of one frame: bool `[H, W]` against uint8 `[H, W]`."""
    true, true_sizes = _components(labels == ANOMALY)
    found, found_sizes = _components(predicted & (labels != IGNORED))
    found[(found_sizes < track.min_predicted)[found]] = 0
    too_small = true_sizes < track.min_true
    too_small[0] = False
    # Small true components leave the evaluation with all that is predicted on them.
    counted = ~too_small[true]
    shared = np.bincount(
        true[counted].astype(np.int64) * found_sizes.size + found[counted],
        minlength=true_sizes.size * found_sizes.size,
    ).reshape(true_sizes.size, found_sizes.size)
    true_total, found_total = shared.sum(axis=1), shared.sum(axis=0)
    overlap = shared[1:, 1:]
    on_truth = overlap.sum(axis=0)
    off_truth = found_total[1:] - on_truth
    union = true_total[1:] + (overlap > 0) @ off_truth
    siou = overlap.sum(axis=1) / np.maximum(union, 1)
    ppv = on_truth / np.maximum(found_total[1:], 1)
    return FrameComponents(siou[true_total[1:] > 0], ppv[found_total[1:] > 0])


def _components(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Label 8-connected components, 0 is background; return the map and the sizes in px of every label."""
    count, components, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    return np.asarray(components, np.int32), np.asarray(stats[:count, cv2.CC_STAT_AREA], np.int32)
