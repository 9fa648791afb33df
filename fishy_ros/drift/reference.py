"""Measure what ordinary input of a model looks like, and give its package what the drift monitor compares with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fishy_ros.detector import AnomalyDetector
from fishy_ros.drift import colours, heights
from fishy_ros.drift.frame_statistics import FrameStatistics, coloured_labels, thumbnail
from fishy_ros.drift.spoiling import turn
from fishy_ros.errors import ConfigError
from fishy_ros.model_package import ModelPackage, Reference, Spread, add_reference
from fishy_ros.types import ImageArray, LabelMap

QUANTILES = (0.01, 0.5, 0.99)
MIN_IMAGES = 20
"""Fewer say nothing about what is rare."""


def measure_reference(detector: AnomalyDetector, pictures: Iterable[ImageArray]) -> Reference:
    """Run a detector on ordinary images, uint8 `[H, W, 3]` BGR of any size, as they are and upside down.

    The colour order and the heights of an image are judged by those of all the others.

    Raises:
        ConfigError: there are fewer than `MIN_IMAGES` images.
        InferenceError: the engine failed.
    """
    statistics = FrameStatistics(detector.package.calibration)
    measured: dict[str, list[float]] = {}
    colour_histograms, upright, turned = [], [], []
    for picture in pictures:
        detection = detector.detect(picture)
        for name, value in statistics.measure(detector.network_image, detection).items():
            measured.setdefault(name, []).append(value)
        seen = coloured_labels(thumbnail(detector.network_image), detection)
        colour_histograms.append(colours.colour_histogram(*seen))
        upright.append(heights.half_histogram(*seen))
        turned.append(heights.half_histogram(*_look(detector, turn(picture))))
    count = len(upright)
    if count < MIN_IMAGES:
        raise ConfigError(f"{count} ordinary images were given; expected at least {MIN_IMAGES}")
    mean = [np.mean(histograms, axis=0) for histograms in (colour_histograms, upright, turned)]
    measured["colour_order"] = [
        float(np.sum(own * colours.log_ratios(_without(own, mean[0], count)))) for own in colour_histograms
    ]
    measured["upright"] = [
        heights.uprightness(own, heights.log_ratios(_without(own, mean[1], count), _without(other, mean[2], count)))
        for own, other in zip(upright, turned, strict=True)
    ]
    return Reference(
        images=count,
        statistics={name: Spread(*map(float, np.quantile(values, QUANTILES))) for name, values in measured.items()},
        colours=colours.to_rows(colours.log_ratios(mean[0])),
        heights=heights.to_rows(heights.log_ratios(mean[1], mean[2])),
    )


def write_reference(package: ModelPackage, pictures: Iterable[ImageArray], runtime: str = "auto") -> ModelPackage:
    """Run a package on ordinary images, uint8 `[H, W, 3]` BGR of any size, and write what they look like into it.

    Raises:
        ConfigError: there are too few images.
        RuntimeUnavailableError: the runtime cannot be used.
        ModelPackageError: the package cannot be written.
    """
    with AnomalyDetector(package, runtime) as detector:
        return add_reference(package, measure_reference(detector, pictures))


def _look(detector: AnomalyDetector, picture: ImageArray) -> tuple[ImageArray, LabelMap]:
    detection = detector.detect(picture)
    return coloured_labels(thumbnail(detector.network_image), detection)


def _without(own: NDArray[np.float64], mean: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the mean of the others, given the mean of all `count`."""
    return np.maximum(mean * count - own, 0.0) / (count - 1)
