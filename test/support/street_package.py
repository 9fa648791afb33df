"""The tiny model with a reference measured on a rendered street, and frames of that street that are not in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.detector import AnomalyDetector
from fishy_ros.drift.reference import MIN_IMAGES, measure_reference
from fishy_ros.model_package import ModelPackage, add_reference
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
        pairs = ((image, detector.detect(image)) for image in images[:count])
        seen = ((detector.network_image, detection) for _, detection in pairs)
        reference = measure_reference(package.calibration, seen)
    return add_reference(package, reference), images[count:]


def _dark(image: ImageArray) -> ImageArray:
    return image // 8


def _black(image: ImageArray) -> ImageArray:
    return np.zeros_like(image)


def _blurred(image: ImageArray) -> ImageArray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), image.shape[1] / 100), np.uint8)


def _foggy(image: ImageArray) -> ImageArray:
    return (image * np.float32(0.2) + 160).astype(np.uint8)


def _muddy(image: ImageArray) -> ImageArray:
    height, width = image.shape[:2]
    random, cover = np.random.default_rng(7), np.zeros((height, width), np.float32)
    for _ in range(26):
        centre = (int(random.integers(0, width)), int(random.integers(0, height)))
        radii = (int(random.uniform(0.04, 0.15) * width), int(random.uniform(0.06, 0.22) * height))
        cv2.ellipse(cover, centre, radii, float(random.uniform(0, 180)), 0, 360, 1.0, -1)
    cover = 0.95 * cv2.GaussianBlur(cover, (0, 0), width / 70)[..., None]
    return (image * (1 - cover) + np.array((28, 40, 52)) * cover).astype(np.uint8)


def _swapped(image: ImageArray) -> ImageArray:
    return np.ascontiguousarray(image[..., ::-1])


def _upside_down(image: ImageArray) -> ImageArray:
    return np.ascontiguousarray(image[::-1, ::-1])


SPOILED: dict[str, Callable[[ImageArray], ImageArray]] = {
    "dark": _dark,
    "black": _black,
    "blurred": _blurred,
    "foggy": _foggy,
    "muddy": _muddy,
    "swapped": _swapped,
    "upside down": _upside_down,
}
"""What may happen to the images of a camera, uint8 `[H, W, 3]` in and out."""
REASONS: dict[str, str] = {
    "dark": "too dark",
    "black": "too dark",
    "blurred": "blurred",
    "foggy": "too little",
    "muddy": "",
    "swapped": "red and blue exchanged",
    "upside down": "upside down",
}
"""What a monitor must say of it, among other things."""
