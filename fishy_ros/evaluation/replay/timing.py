"""The timing protocol of the Fishyscapes benchmark: the mean time of a frame over many, after warm-up.

Source: Blum et al., "The Fishyscapes Benchmark", IJCV 2021, section 3.3: the time of joint segmentation and anomaly
detection, averaged over the 500 images of the Cityscapes validation set.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.sources.source import FrameSource, nothing_to_play
from fishy_ros.types import ImageArray, Sample

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
    """Time `detect` on `frames` frames of `source` in this process, where nothing else runs.

    Every image is read before its time starts. A source of fewer frames begins anew.
    """
    for image in itertools.islice(_images(source), _WARM_UP):
        detector.detect(image)
    times = (_time(detector, image) for image in itertools.islice(_images(source), frames))
    return summarize_times(times, "image in memory to score and labels, in one process")


def _images(source: FrameSource) -> Iterator[ImageArray]:
    """Go round the images of a source that can be read, one in memory at a time.

    Raises:
        ReplayError: there are none.
    """
    while True:
        empty = True
        for sample in source.samples():
            if isinstance(sample, Sample):
                empty = False
                yield sample.image
        if empty:
            raise nothing_to_play(source)


def _time(detector: AnomalyDetector, image: ImageArray) -> float:
    started = time.perf_counter()
    detector.detect(image)
    return (time.perf_counter() - started) * 1e3
