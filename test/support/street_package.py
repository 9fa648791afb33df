"""The tiny model with a baseline measured on a rendered street, and frames of that street that are not in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.detector import AnomalyDetector
from fishy_ros.drift.baseline import MIN_IMAGES, measure_baseline
from fishy_ros.model_package import ModelPackage, add_baseline
from fishy_ros.types import ImageArray
from support.tiny_model import build_tiny_package

APART = 60
"""Frames between two that are looked at, so that they show different parts of the street."""


def build_street_package(folder: Path, frames: int = 4) -> tuple[ModelPackage, list[ImageArray]]:
    """Write the package and render `frames` frames more, uint8 `[96, 192, 3]`."""
    count = MIN_IMAGES + 4
    street = SyntheticStreet(APART * (count + frames), 96, 192, seed=5)
    order = np.random.default_rng(0).permutation(count + frames)
    images = [street[int(index) * APART].image for index in order]
    package = build_tiny_package(folder)
    with AnomalyDetector(package, "onnxruntime", threads=1) as detector:
        return add_baseline(package, measure_baseline(detector, images[:count])), images[count:]


REASONS: dict[str, str] = {
    "dark": "too dark",
    "black": "too dark",
    "overexposed": "overexposed",
    "blurred": "blurred",
    "foggy": "too little",
    "muddy": "",
    "swapped": "red and blue exchanged",
    "upside down": "upside down",
}
"""What a monitor must say of images in each of `fishy_ros.drift.corruptions.CORRUPTIONS`, among other things."""
