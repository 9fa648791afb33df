"""Measure what normal input of a model looks like, and give its package what the drift monitor compares with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fishy_ros.detector import AnomalyDetector
from fishy_ros.drift import colors, orientation
from fishy_ros.drift.corruptions import turn
from fishy_ros.drift.frame_statistics import FrameStatistics, colored_labels, thumbnail
from fishy_ros.errors import ConfigError
from fishy_ros.model_package import Baseline, ModelPackage, Spread, add_baseline
from fishy_ros.types import ImageArray, LabelMap

QUANTILES = (0.01, 0.5, 0.99)
MIN_IMAGES = 20
"""Fewer say nothing about what is rare."""


def measure_baseline(detector: AnomalyDetector, pictures: Iterable[ImageArray]) -> Baseline:
    """Run a detector on normal images, uint8 `[H, W, 3]` BGR of any size, as they are and upside down.

    The color order and the orientation of an image are judged by those of all the others.

    Raises:
        ConfigError: there are fewer than `MIN_IMAGES` images.
        InferenceError: the engine failed.
    """
    statistics = FrameStatistics(detector.package.calibration)
    measured: dict[str, list[float]] = {}
    color_histograms, upright, turned = [], [], []
    for picture in pictures:
        detection = detector.detect(picture)
        for name, value in statistics.measure(detector.network_image, detection).items():
            measured.setdefault(name, []).append(value)
        seen = colored_labels(thumbnail(detector.network_image), detection)
        color_histograms.append(colors.color_histogram(*seen))
        upright.append(orientation.half_histogram(*seen))
        turned.append(orientation.half_histogram(*_look(detector, turn(picture))))
    count = len(upright)
    if count < MIN_IMAGES:
        raise ConfigError(f"{count} normal images were given; expected at least {MIN_IMAGES}")
    mean = [np.mean(histograms, axis=0) for histograms in (color_histograms, upright, turned)]
    measured["color_order"] = [
        float(np.sum(own * colors.log_ratios(_without(own, mean[0], count)))) for own in color_histograms
    ]
    measured["orientation"] = [
        orientation.orientation_ratio(
            own, orientation.log_ratios(_without(own, mean[1], count), _without(other, mean[2], count))
        )
        for own, other in zip(upright, turned, strict=True)
    ]
    return Baseline(
        images=count,
        statistics={name: Spread(*map(float, np.quantile(values, QUANTILES))) for name, values in measured.items()},
        colors=colors.to_rows(colors.log_ratios(mean[0])),
        orientation=orientation.to_rows(orientation.log_ratios(mean[1], mean[2])),
    )


def write_baseline(package: ModelPackage, pictures: Iterable[ImageArray], runtime: str = "auto") -> ModelPackage:
    """Run a package on normal images, uint8 `[H, W, 3]` BGR of any size, and write what they look like into it.

    Raises:
        ConfigError: there are too few images.
        RuntimeUnavailableError: the runtime cannot be used.
        ModelPackageError: the package cannot be written.
    """
    with AnomalyDetector(package, runtime) as detector:
        return add_baseline(package, measure_baseline(detector, pictures))


def _look(detector: AnomalyDetector, picture: ImageArray) -> tuple[ImageArray, LabelMap]:
    detection = detector.detect(picture)
    return colored_labels(thumbnail(detector.network_image), detection)


def _without(own: NDArray[np.float64], mean: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the mean of the others, given the mean of all `count`."""
    return np.maximum(mean * count - own, 0.0) / (count - 1)
