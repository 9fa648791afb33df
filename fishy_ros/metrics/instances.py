"""Instance metrics of anomalies: AP and AP50 of whole objects, after OoDIS.

Nekrasov et al., "OoDIS: Anomaly Instance Segmentation Benchmark", 2024, which follows the instance-level evaluation of
Cityscapes (Cordts et al., 2016, section 4.2) with one class:

- A predicted instance matches a true one if they share more than a limit of their union; limits are 0.5 to 0.95 in
  steps of 0.05. Components do not overlap, so only one can match a true instance at such limits.
- True instances of fewer than `min_true_px` pixels are ignored. A prediction without a match is left out if more of it
  than the limit lies on ignored pixels or on ignored instances.
- AP at a limit is the area under precision over recall, with the trapezoids of the Cityscapes script; AP is the mean
  over the limits, AP50 that at 0.5.

Here instances are 8-connected components: true ones of the labels, predicted ones of the heatmap, scored by their
mean. Datasets whose anomalies touch each other therefore have fewer true instances than OoDIS counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.errors import ScoreError
from fishy_ros.types import ANOMALY, IGNORED, LabelMap

LIMITS: NDArray[np.float64] = np.arange(0.5, 1.0, 0.05)
"""Overlaps (intersection over union) above which a prediction matches."""

MIN_TRUE_PX: int = 100
"""Smallest true instance that counts, in px, as in the Cityscapes script."""


@dataclass(frozen=True)
class Instance:
    """A predicted instance: its confidence and its pixels, bool `[h, w]`, from row `top` and column `left` on."""

    score: float
    top: int
    left: int
    inside: NDArray[np.bool_]


@dataclass(frozen=True)
class InstanceMetrics:
    """Instance metrics of all frames; fractions of 1, NaN where there is no true instance."""

    ap: float
    ap50: float
    ap_at: tuple[float, ...]
    """AP at each of `LIMITS`."""
    true_instances: int
    predicted_instances: int


@dataclass(frozen=True)
class _FrameMatches:
    """A frame after matching; every list has an entry for each of `LIMITS`."""

    true: int
    """True instances that count."""
    predicted: int
    scores: tuple[NDArray[np.float64], ...]
    """Confidences of the predictions that count."""
    hits: tuple[NDArray[np.bool_], ...]
    """Whether each of them matches."""


class InstanceAccumulator:
    """Evaluate instances over a stream of frames."""

    def __init__(self, min_true_px: int = MIN_TRUE_PX) -> None:
        self._min_true_px = min_true_px
        self._frames: list[_FrameMatches] = []

    def update(self, instances: Sequence[Instance], labels: LabelMap, frame: str) -> None:
        """Add one frame: predicted instances, and uint8 `[H, W]` with `NORMAL`, `ANOMALY` and `IGNORED`.

        Raises:
            ScoreError: an instance lies outside the frame.
        """
        self._frames.append(_match(instances, labels, self._min_true_px, frame))

    def compute(self) -> InstanceMetrics:
        """Evaluate all frames so far."""
        true = sum(frame.true for frame in self._frames)
        ap_at = []
        for limit in range(LIMITS.size):
            scores = np.concatenate([np.empty(0), *(frame.scores[limit] for frame in self._frames)])
            hits = np.concatenate([np.empty(0, np.bool_), *(frame.hits[limit] for frame in self._frames)])
            ap_at.append(average_precision(scores, hits, true))
        return InstanceMetrics(
            ap=float(np.mean(ap_at)),
            ap50=ap_at[0],
            ap_at=tuple(ap_at),
            true_instances=true,
            predicted_instances=sum(frame.predicted for frame in self._frames),
        )


def average_precision(scores: NDArray[np.float64], hits: NDArray[np.bool_], true: int) -> float:
    """Return the area under precision over recall; NaN without true instances.

    At every distinct confidence precision is held over half the way to the recall of its neighbours, from a recall of
    0 with a precision of 1 on, as the Cityscapes script does.

    Args:
        scores: confidences of the predictions, `[N]`.
        hits: whether each matches a true instance.
        true: number of true instances.
    """
    if not true:
        return float("nan")
    if not scores.size:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], hits[order]
    last = np.append(np.flatnonzero(np.diff(scores)), scores.size - 1)  # of those with equal confidence
    found = np.cumsum(hits)[last]
    precision = np.concatenate([[1.0], found / (last + 1.0)])
    recall = np.concatenate([[0.0], found / true])
    padded = np.concatenate([recall[:1], recall, recall[-1:]])  # half a step at either end
    return float(precision @ (padded[2:] - padded[:-2]) / 2)


def _match(instances: Sequence[Instance], labels: LabelMap, min_true_px: int, frame: str) -> _FrameMatches:
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(
        np.asarray(labels == ANOMALY).view(np.uint8), connectivity=8
    )
    areas = np.asarray(stats[:count, cv2.CC_STAT_AREA], np.int64)
    counts = areas >= min_true_px
    counts[0] = False
    shared = np.zeros((len(instances), count), np.int64)
    ignored = np.zeros(len(instances), np.int64)
    for position, instance in enumerate(instances):
        rows, columns = instance.inside.shape
        window = np.s_[instance.top : instance.top + rows, instance.left : instance.left + columns]
        if instance.top < 0 or instance.left < 0 or numbers[window].shape != instance.inside.shape:
            raise ScoreError(f"{frame}: an instance of {columns}x{rows} px lies outside labels of {labels.shape}")
        shared[position] = np.bincount(np.asarray(numbers[window][instance.inside], np.int64), minlength=count)
        ignored[position] = np.count_nonzero(labels[window][instance.inside] == IGNORED)
    small = ~counts
    small[0] = False
    ignored += shared[:, small].sum(axis=1)
    sizes = np.array([np.count_nonzero(instance.inside) for instance in instances], np.int64)
    union = sizes[:, None] + areas[None] - shared
    overlaps = np.where(counts[None], shared / np.maximum(union, 1), 0.0)
    confidence = np.array([instance.score for instance in instances], np.float64)
    scores, hits = [], []
    for limit in LIMITS.tolist():
        matched = np.zeros(len(instances), np.bool_)
        for column in np.flatnonzero(counts).tolist():
            candidates = np.flatnonzero(overlaps[:, column] > limit)
            if candidates.size:
                matched[candidates[np.argmax(confidence[candidates])]] = True
        kept = matched | (ignored <= limit * np.maximum(sizes, 1))
        scores.append(confidence[kept])
        hits.append(matched[kept])
    return _FrameMatches(int(np.count_nonzero(counts)), len(instances), tuple(scores), tuple(hits))
