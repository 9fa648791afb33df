"""A few numbers that say what one frame looks like: to the eye, and to the network."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.drift import colors, orientation
from fishy_ros.model_package import Baseline, Calibration
from fishy_ros.types import Detection, ImageArray, LabelMap, ScoreMap

THUMB_HEIGHT, THUMB_WIDTH = 128, 256
"""Size in px at which images are looked at: so small that cameras of any resolution are alike."""
BLOCK = 8
"""Side in px of the blocks whose texture is looked at."""
FLAT_DEVIATION = 2.0
"""Grey levels: a block that deviates less from its mean has no texture."""
WHITE_LEVEL = 247
"""Grey levels above this are overexposed."""
TAIL_SHARE = 0.05
"""The tail of the scores is what lies above the threshold that about this share of normal pixels exceeds."""
_NEVER = 1e-3
"""Added to shares before their logarithm is taken."""


class FrameStatistics:
    """Measure frames of one model; which statistics there are depends on what its package says about itself.

    Of the image: `brightness` and `contrast` (logarithms of mean and deviation of the grey values in [0, 1]),
    `sharpness` (logarithm of the mean difference of neighbours against that over 8 px), `plain` (share of blocks
    without texture), `white` (share of overexposed pixels). Of what the network says: `class_variety` (perplexity of
    the shares of the classes), `score_median` (logarithm), `score_tail` (logarithm of the share above a threshold),
    `score_shift` (logarithm of the population stability index against `normal_share_above`), `color_order`
    (see `fishy_ros.drift.colors`) and `orientation` (see `fishy_ros.drift.orientation`).
    """

    def __init__(self, calibration: Calibration, baseline: Baseline | None = None) -> None:
        """Take thresholds, colors and orientation from a package."""
        pairs = calibration.normal_share_above
        self._thresholds = np.array([threshold for threshold, _ in pairs], np.float32)
        self._shares = np.array([share for _, share in pairs])
        self._tail = int(np.argmin(np.abs(self._shares - TAIL_SHARE))) if pairs else None
        self._colors = colors.from_rows(baseline.colors) if baseline else None
        self._orientation = orientation.from_rows(baseline.orientation) if baseline else None

    def measure(self, image: ImageArray, detection: Detection) -> dict[str, float]:
        """Measure a frame from the image uint8 `[H, W, 3]` that the network read and what it said; well under 1 ms."""
        small = thumbnail(image)
        colored, labels = colored_labels(small, detection)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        measured = {**_of_image(grey), **self._of_output(detection.score, labels)}
        if self._colors is not None:
            measured["color_order"] = colors.color_order(colored, labels, self._colors)
        if self._orientation is not None:
            histogram = orientation.half_histogram(colored, labels)
            measured["orientation"] = orientation.orientation_ratio(histogram, self._orientation)
        return measured

    def _of_output(self, score: ScoreMap, labels: LabelMap) -> dict[str, float]:
        scores = np.sort(_subsample(score), axis=None)
        shares = np.bincount(labels.ravel()) / labels.size
        present = shares[shares > 0]
        measured = {
            "class_variety": float(np.exp(-np.sum(present * np.log(present)))),
            "score_median": float(np.log(scores[scores.size // 2] + _NEVER)),
        }
        if self._tail is not None:
            above = 1.0 - np.searchsorted(scores, self._thresholds, side="right") / scores.size
            measured["score_tail"] = float(np.log(above[self._tail] + _NEVER))
            measured["score_shift"] = float(np.log(population_stability_index(above, self._shares) + _NEVER))
        return measured


def thumbnail(image: ImageArray) -> ImageArray:
    """Shrink an image, uint8 `[H, W, 3]`, to the size at which images are looked at, averaging areas."""
    return np.asarray(cv2.resize(image, (THUMB_WIDTH, THUMB_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def colored_labels(small: ImageArray, detection: Detection) -> tuple[ImageArray, LabelMap]:
    """Return every other pixel of a thumbnail, uint8 `[h, w, 3]`, and the class ids there, uint8 `[h, w]`."""
    size = (THUMB_WIDTH // 2, THUMB_HEIGHT // 2)
    labels = cv2.resize(detection.labels, size, interpolation=cv2.INTER_NEAREST)
    return small[::2, ::2], np.asarray(labels, np.uint8)


def population_stability_index(above: NDArray[np.float64], normal: NDArray[np.float64]) -> float:
    """Return the population stability index of two distributions, given by the shares above the same thresholds.

    It is the symmetrised Kullback-Leibler divergence, the sum of (p - q) ln(p / q) over the intervals between the
    thresholds; shares below 0.0001 count as that.
    """
    found, expected = (np.maximum(-np.diff(np.concatenate(([1.0], part, [0.0]))), 1e-4) for part in (above, normal))
    return float(np.sum((found - expected) * np.log(found / expected)))


def _of_image(grey: NDArray[np.uint8]) -> dict[str, float]:
    values = grey.astype(np.float32)
    mean, deviation = (float(part[0, 0]) for part in cv2.meanStdDev(values))
    near, far = (float(cv2.mean(cv2.absdiff(grey[:, step:], grey[:, :-step]))[0]) for step in (1, BLOCK))
    blocks = (THUMB_WIDTH // BLOCK, THUMB_HEIGHT // BLOCK)
    means, squares = (cv2.resize(part, blocks, interpolation=cv2.INTER_AREA) for part in (values, values * values))
    plain = squares - means * means < FLAT_DEVIATION**2
    return {
        "brightness": float(np.log(mean / 255 + 0.01)),
        "contrast": float(np.log(deviation / 255 + 0.01)),
        "sharpness": float(np.log((near + 0.1) / (far + 0.1))),
        "plain": float(plain.mean()),
        "white": float(np.count_nonzero(grey > WHITE_LEVEL) / grey.size),
    }


def _subsample(score: ScoreMap) -> ScoreMap:
    step_y, step_x = max(1, score.shape[0] * 2 // THUMB_HEIGHT), max(1, score.shape[1] * 2 // THUMB_WIDTH)
    return score[::step_y, ::step_x]
