"""Say whether the frames of the last seconds are like the training data, and if not, why not."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from fishy_ros.drift.frame_statistics import FrameStatistics
from fishy_ros.model_package import Baseline, Calibration, Spread
from fishy_ros.types import Detection, ImageArray

LIMIT = 1.5
"""How far out the window may lie: in units of the way from the median of normal images to their 1 % or 99 % quantile.

As Tukey's fences, the limit is a multiple of a distance between quantiles of the baseline, whatever the statistic is;
of a normal distribution it would be 3.5 standard deviations.
"""
RETURN = 0.85
"""A reason holds until the window is within this fraction of its limit again, so that it does not flicker."""
SHIFT_WITHOUT_BASELINE = 1.0
"""Population stability index from which scores count as shifted where a package has no baseline.

The textbooks' 0.25 is for large samples; a single normal street has 0.1 to 0.9 against the pool of all streets.
"""

_LEAST_SPREAD = 0.02
"""A statistic that varies less than this among normal images is not known better than this."""
_MOST_FRAMES = 1000
"""Frames of a window at most, spread evenly over it."""

_REASONS: dict[str, tuple[str, str]] = {
    "brightness": ("too dark", "too bright"),
    "contrast": ("too little contrast (fog, dirt or a covered lens)", "too much contrast"),
    "sharpness": ("blurred", "too noisy"),
    "plain": ("", "too little texture (fog, dirt or a covered lens)"),
    "white": ("", "overexposed"),
    "class_variety": ("too few classes in sight", "too many classes in sight"),
    "score_median": ("scores too low", "scores too high"),
    "score_tail": ("too few high scores", "too many high scores"),
    "score_shift": ("", "scores distributed unlike those of normal images"),
    "color_order": ("colors unlike normal ones (red and blue exchanged?)", ""),
    "orientation": ("things are not where they normally are (upside down?)", ""),
}
"""What it means that a statistic is below or above normal; an empty reason is none."""
_RATIOS = frozenset({"color_order", "orientation"})
"""Log-likelihood ratios of the normal and another hypothesis, which are judged by their sign."""


@dataclass(frozen=True)
class Drift:
    """What the frames of a window are like."""

    reasons: tuple[str, ...] = ()
    """Why they are not like the training data, the worst first; empty if they are."""
    distance: float = 0.0
    """How far out the worst statistic lies, as a fraction of its limit."""
    statistic: str = ""
    """The worst statistic; empty where nothing was looked at."""


class DriftMonitor:
    """Keep the statistics of the frames of a window. One thread adds frames, another judges."""

    def __init__(self, calibration: Calibration, baseline: Baseline | None) -> None:
        """Compare with what a package says of itself; without a baseline only with its `normal_share_above`."""
        self._statistics = FrameStatistics(calibration, baseline)
        self._spreads = baseline.statistics if baseline else None
        self._lock = threading.Lock()
        self._frames: deque[tuple[float, dict[str, float]]] = deque(maxlen=_MOST_FRAMES)
        self._window_s = 0.0
        self._held: set[str] = set()

    def add(self, at: float, image: ImageArray, detection: Detection) -> None:
        """Measure a frame at a monotonic time in s: the image that the network read, and what it said of it."""
        with self._lock:
            if self._frames and at - self._frames[-1][0] < self._window_s / _MOST_FRAMES:
                return
        measured = self._statistics.measure(image, detection)
        with self._lock:
            self._frames.append((at, measured))

    def judge(self, now: float, window_s: float) -> Drift:
        """Judge the medians over the frames of the last `window_s` seconds; where there are none, nothing is said."""
        with self._lock:
            self._window_s = window_s
            while self._frames and self._frames[0][0] <= now - window_s:
                self._frames.popleft()
            frames = [measured for _, measured in self._frames]
        names = frames[0] if frames else ()
        outcomes = [(*self._judge(name, float(np.median([frame[name] for frame in frames]))), name) for name in names]
        outcomes.sort(reverse=True)
        self._held = {name for distance, _, name in outcomes if distance > (RETURN if name in self._held else 1.0)}
        reasons = tuple(reason for _, reason, name in outcomes if name in self._held)
        return Drift(reasons, *outcomes[0][::2]) if outcomes else Drift()

    def _judge(self, name: str, value: float) -> tuple[float, str]:
        """Return how far out a statistic is, as a fraction of its limit, and what that means."""
        below, above = _REASONS[name]
        if self._spreads is None:
            return (np.exp(value) / SHIFT_WITHOUT_BASELINE, above) if name == "score_shift" else (0.0, "")
        spread = self._spreads.get(name)
        if spread is None:
            return 0.0, ""
        side, reason = (spread.low, below) if value < spread.middle else (spread.high, above)
        limit = _undecided(spread) if name in _RATIOS else spread.middle + LIMIT * (side - spread.middle)
        distance = abs(value - spread.middle) / max(abs(limit - spread.middle), LIMIT * _LEAST_SPREAD)
        return (float(distance), reason) if reason else (0.0, "")


def _undecided(spread: Spread) -> float:
    """Return the log-likelihood ratio below which the frames speak for the other hypothesis.

    That is 0, except where normal frames hardly tell the two apart, as those of a camera that looks straight down.
    """
    return 0.0 if spread.middle > -spread.low / 2 else spread.low
