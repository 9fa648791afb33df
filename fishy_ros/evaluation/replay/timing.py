"""The timing protocol of the Fishyscapes benchmark: the mean time of a frame over many, after warm-up.

Source: Blum et al., "The Fishyscapes Benchmark", IJCV 2021, section 5: the time of joint segmentation and
anomaly detection, averaged over 500 frames.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.sources.source import FrameSource, nothing_to_play
from fishy_ros.types import ImageArray, Sample

PROTOCOL_FRAMES = 500
_IN_MEMORY = 16
_WARM_UP = 10


@dataclass(frozen=True)
class Timing:
    """Time of one frame, segmentation and anomaly score together, in ms."""

    frames: int
    mean_ms: float
    std_ms: float
    p50_ms: float
    p99_ms: float
    measured: str
    """What the time covers."""


def summarize_times(times_ms: Iterable[float], measured: str) -> Timing:
    """Summarise measured times.

    Raises:
        ReplayError: there are none.
    """
    times = np.fromiter(times_ms, np.float64)
    if not times.size:
        raise ReplayError(f"no frame was timed ({measured})")
    p50, p99 = np.percentile(times, [50, 99])
    return Timing(times.size, float(times.mean()), float(times.std()), float(p50), float(p99), measured)


def time_detector(detector: AnomalyDetector, source: FrameSource, frames: int) -> Timing:
    """Time `detect` on `frames` frames in this process, going round the first images of `source`; nothing else runs."""
    samples = (sample for sample in source.samples() if isinstance(sample, Sample))
    images = [sample.image for sample in itertools.islice(samples, _IN_MEMORY)]
    if not images:
        raise nothing_to_play(source)
    rounds = itertools.cycle(images)
    for image in itertools.islice(rounds, _WARM_UP):
        detector.detect(image)
    times = (_time(detector, image) for image in itertools.islice(rounds, frames))
    return summarize_times(times, "image in memory to score and labels, in one process")


def _time(detector: AnomalyDetector, image: ImageArray) -> float:
    started = time.perf_counter()
    detector.detect(image)
    return (time.perf_counter() - started) * 1e3
