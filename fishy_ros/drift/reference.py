"""Measure what ordinary input of a model looks like."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fishy_ros.drift.colours import colour_histogram, log_ratios, to_rows
from fishy_ros.drift.frame_statistics import FrameStatistics, coloured_labels, thumbnail
from fishy_ros.errors import ConfigError
from fishy_ros.model_package import Calibration, Reference, Spread
from fishy_ros.types import Detection, ImageArray

QUANTILES = (0.01, 0.5, 0.99)
MIN_IMAGES = 20
"""Fewer say nothing about what is rare."""


def measure_reference(calibration: Calibration, frames: Iterable[tuple[ImageArray, Detection]]) -> Reference:
    """Measure ordinary images, each as the network read it (uint8 `[H, W, 3]`) with what it said of it.

    The colour order of an image is judged by the colours of all the others.

    Raises:
        ConfigError: there are fewer than `MIN_IMAGES` images.
    """
    statistics = FrameStatistics(calibration)
    measured: dict[str, list[float]] = {}
    histograms = []
    for image, detection in frames:
        for name, value in statistics.measure(image, detection).items():
            measured.setdefault(name, []).append(value)
        histograms.append(colour_histogram(*coloured_labels(thumbnail(image), detection)))
    count = len(histograms)
    if count < MIN_IMAGES:
        raise ConfigError(f"{count} ordinary images were given; expected at least {MIN_IMAGES}")
    total = np.sum(histograms, axis=0)
    measured["colour_order"] = [float(np.sum(own * log_ratios((total - own) / (count - 1)))) for own in histograms]
    spreads = {name: Spread(*(float(q) for q in np.quantile(values, QUANTILES))) for name, values in measured.items()}
    return Reference(count, spreads, to_rows(log_ratios(total / count)))
