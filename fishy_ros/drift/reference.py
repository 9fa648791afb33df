"""Measure what ordinary input of a model looks like."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fishy_ros.drift import class_rows, colours, heights
from fishy_ros.drift.frame_statistics import FrameStatistics, coloured_labels, thumbnail
from fishy_ros.errors import ConfigError
from fishy_ros.model_package import Calibration, Reference, Spread
from fishy_ros.types import Detection, ImageArray

QUANTILES = (0.01, 0.5, 0.99)
MIN_IMAGES = 20
"""Fewer say nothing about what is rare."""


def measure_reference(calibration: Calibration, frames: Iterable[tuple[ImageArray, Detection]]) -> Reference:
    """Measure ordinary images, each as the network read it (uint8 `[H, W, 3]`) with what it said of it.

    The colour order and the heights of an image are judged by those of all the others.

    Raises:
        ConfigError: there are fewer than `MIN_IMAGES` images.
    """
    statistics = FrameStatistics(calibration)
    measured: dict[str, list[float]] = {}
    colour_histograms, half_histograms = [], []
    for image, detection in frames:
        for name, value in statistics.measure(image, detection).items():
            measured.setdefault(name, []).append(value)
        coloured, labels = coloured_labels(thumbnail(image), detection)
        colour_histograms.append(colours.colour_histogram(coloured, labels))
        half_histograms.append(heights.half_histogram(coloured, labels))
    count = len(colour_histograms)
    if count < MIN_IMAGES:
        raise ConfigError(f"{count} ordinary images were given; expected at least {MIN_IMAGES}")
    all_colours, all_halves = np.sum(colour_histograms, axis=0), np.sum(half_histograms, axis=0)
    measured["colour_order"] = [
        float(np.sum(own * colours.log_ratios((all_colours - own) / (count - 1)))) for own in colour_histograms
    ]
    measured["upright"] = [
        heights.uprightness(own, heights.log_ratios((all_halves - own) / (count - 1))) for own in half_histograms
    ]
    return Reference(
        images=count,
        statistics={name: Spread(*map(float, np.quantile(values, QUANTILES))) for name, values in measured.items()},
        colours=colours.to_rows(colours.log_ratios(all_colours / count)),
        heights=class_rows.to_rows(heights.log_ratios(all_halves / count)),
    )
