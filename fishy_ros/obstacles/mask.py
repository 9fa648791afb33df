"""The connected parts of a heatmap above a threshold, with hysteresis and a smallest size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.types import ScoreMap

ANOMALOUS: int = 255
"""Value of an anomalous pixel of a mask; the others are 0."""


MANY_RUNS: int = 20_000
"""A mask with more runs of pixels than that is noise; tracing each of its outlines would take a tenth of a second."""

MAX_OF_NOISE: int = 1024
"""Components of noise that are looked at, at most."""


@dataclass(frozen=True)
class Component:
    """One 8-connected component of a heatmap: the rectangle around it and which of its pixels belong to it."""

    left: int
    top: int
    inside: NDArray[np.uint8]
    """uint8 `[height, width]` of the rectangle: 1 in the component, 0 elsewhere."""
    area_px: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the rectangle."""
        height, width = self.inside.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def find_components(
    score: ScoreMap, threshold: float, threshold_low: float, smallest_px: int, largest_number: int
) -> list[Component]:
    """Find the components of the pixels at or above `threshold_low` that reach `threshold` somewhere.

    Outlines are traced first and only their rectangles are labelled: that costs a tenth of labelling the whole image.

    Args:
        score: float32 `[h, w]`.
        threshold: what a component must reach in at least one pixel.
        threshold_low: at most `threshold`; how far a component spreads (hysteresis, as in Canny, 1986).
        smallest_px: components with fewer pixels do not count.
        largest_number: more components than that are noise; those with the smallest rectangles are left out.
    """
    strong = np.asarray(score >= np.float32(threshold)).view(np.uint8)
    if not strong.any():
        return []
    weak = strong
    if threshold_low < threshold:
        weak = np.asarray(score >= np.float32(threshold_low)).view(np.uint8)
    rectangles = sorted(_rectangles(weak, smallest_px), key=lambda one: -one[2] * one[3])[:largest_number]
    found = []
    for left, top, width, height, x, y in rectangles:
        window = slice(top, top + height), slice(left, left + width)
        _, labels = cv2.connectedComponents(weak[window], connectivity=8, ltype=cv2.CV_32S)
        inside = np.asarray(labels == labels[y - top, x - left]).view(np.uint8)
        area = cv2.countNonZero(inside)
        if area >= smallest_px and (weak is strong or (strong[window] & inside).any()):
            found.append(Component(left, top, inside, area))
    return found


def _rectangles(mask: NDArray[np.uint8], smallest_px: int) -> list[tuple[int, ...]]:
    """Return left, top, width, height of every component that may be large enough, and x, y of one of its pixels."""
    if np.count_nonzero(mask[:, 1:] > mask[:, :-1]) > MANY_RUNS:
        return _rectangles_of_noise(mask, smallest_px)
    outlines, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = np.flatnonzero(hierarchy[0, :, 3] < 0).tolist()  # the others go round holes
    boxes: Iterator[tuple[int, ...]]
    boxes = ((*cv2.boundingRect(outlines[number]), *outlines[number][0, 0].tolist()) for number in outer)
    return [box for box in boxes if box[2] * box[3] >= smallest_px]


def _rectangles_of_noise(mask: NDArray[np.uint8], smallest_px: int) -> list[tuple[int, ...]]:
    """Do the same without an object for every component."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    large = 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= smallest_px)
    sizes = stats[large, cv2.CC_STAT_WIDTH] * stats[large, cv2.CC_STAT_HEIGHT]
    rectangles: list[tuple[int, ...]] = []
    for number in large[np.argsort(-sizes, kind="stable")[:MAX_OF_NOISE]].tolist():
        left, top, width, height = stats[number, :4].tolist()
        x = left + int(np.argmax(labels[top, left : left + width] == number))
        rectangles.append((left, top, width, height, x, top))
    return rectangles


def draw_mask(components: Iterable[Component], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Draw components as `ANOMALOUS` into a mask, uint8 `[h, w]`."""
    mask: NDArray[np.uint8] = np.zeros(shape, np.uint8)
    for component in components:
        np.copyto(mask[component.window], np.uint8(ANOMALOUS), where=component.inside.view(np.bool_))
    return mask
