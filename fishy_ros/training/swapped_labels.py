"""Give things of a map of classes another class: SynBoost's first source of anomalies.

Source: Di Biase et al., CVPR 2021, section 3.2, after Lis et al., Detecting the Unexpected via Image Resynthesis, ICCV
2019. An image that is synthesised from such a map differs from the photograph where the class is wrong. The paper
takes the instances that Cityscapes labels; here they are connected pixels of a class of things, and the new class is
drawn evenly where the published code has a weighted list.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from fishy_ros.types import LabelMap

THINGS: tuple[int, ...] = (6, 7, 11, 12, 13, 14, 15, 16, 17, 18)
"""Train ids of what can be counted: lights, signs, people and vehicles."""

SMALLEST: int = 12
"""Pixels of the map, at 1/4 resolution, from which a thing is one."""

CHANCE: float = 0.5
"""Of a thing to be given another class; one is changed at least."""


def swap_labels(labels: LabelMap, classes: int, rng: Generator) -> tuple[LabelMap, LabelMap]:
    """Return the map uint8 `[h, w]` with other classes here and there, and uint8 `[h, w]` that is 1 where they are."""
    swapped, where = labels.copy(), np.zeros_like(labels)
    things = list(_things(labels))
    if not things:
        return swapped, where
    chosen = rng.random(len(things)) < CHANCE
    chosen[int(rng.integers(len(things)))] = True
    for mask in (thing for thing, wanted in zip(things, chosen, strict=True) if wanted):
        before = int(labels[mask][0])
        swapped[mask] = (before + rng.integers(1, classes)) % classes
        where[mask] = 1
    return swapped, where


def _things(labels: LabelMap) -> list[np.ndarray]:
    found = []
    for known in np.intersect1d(labels, THINGS):
        count, numbers, sizes, _ = cv2.connectedComponentsWithStats((labels == known).astype(np.uint8))
        found += [numbers == n for n in range(1, count) if sizes[n, cv2.CC_STAT_AREA] >= SMALLEST]
    return found
