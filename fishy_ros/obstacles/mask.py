"""The connected parts of a heatmap above a threshold, with hysteresis and a smallest size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.types import ScoreMap

ANOMALOUS: int = 255
"""Value of an anomalous pixel of a mask; the others are 0."""


MANY_RUNS: int = 20_000
"""A mask with more runs of pixels than that is noise; tracing each of its outlines would take a tenth of a second."""


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
) -> tuple[list[Component], NDArray[np.uint8]]:
    """Find the components of the pixels at or above `threshold_low` that reach `threshold` somewhere.

    Outlines are traced first and only their rectangles are labelled: that costs a tenth of labelling the whole image.

    Args:
        score: float32 `[h, w]`.
        threshold: what a component must reach in at least one pixel.
        threshold_low: at most `threshold`; how far a component spreads (hysteresis, as in Canny, 1986).
        smallest_px: components with fewer pixels do not count.
        largest_number: so many components are returned at most, those with the largest rectangles.

    Returns:
        The components, and the mask of all that count, uint8 `[h, w]`, also of those that are too many.
    """
    strong = np.asarray(score >= np.float32(threshold)).view(np.uint8)
    if not cv2.countNonZero(strong):
        return [], np.zeros(score.shape, np.uint8)
    weak = strong
    if threshold_low < threshold:
        weak = np.asarray(score >= np.float32(threshold_low)).view(np.uint8)
    if cv2.countNonZero(weak) > MANY_RUNS and np.count_nonzero(weak[:, 1:] > weak[:, :-1]) > MANY_RUNS:
        return _label_all(weak, strong, smallest_px, largest_number)
    outlines, hierarchy = cv2.findContours(weak, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = np.flatnonzero(hierarchy[0, :, 3] < 0).tolist()  # the others go round holes
    if len(outer) > largest_number:
        return _label_all(weak, strong, smallest_px, largest_number)
    mask = np.asarray(weak * np.uint8(ANOMALOUS))
    found = []
    for outline in (outlines[number] for number in outer):
        left, top, width, height = cv2.boundingRect(outline)
        window = slice(top, top + height), slice(left, left + width)
        _, labels = cv2.connectedComponents(weak[window], connectivity=8, ltype=cv2.CV_32S)
        x, y = outline[0, 0].tolist()
        inside = np.asarray(labels == labels[y - top, x - left]).view(np.uint8)
        component = Component(left, top, inside, cv2.countNonZero(inside))
        if component.area_px >= smallest_px and (weak is strong or (strong[window] & inside).any()):
            found.append(component)
        else:
            erase(mask, component)
    return found, mask


def erase(mask: NDArray[np.uint8], component: Component) -> None:
    """Take a component out of a mask."""
    np.copyto(mask[component.window], np.uint8(0), where=component.inside.view(np.bool_))


def _label_all(
    weak: NDArray[np.uint8], strong: NDArray[np.uint8], smallest_px: int, largest_number: int
) -> tuple[list[Component], NDArray[np.uint8]]:
    """Do the same without an object for every component: for noise."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(weak, connectivity=8, ltype=cv2.CV_32S)
    counts = stats[:, cv2.CC_STAT_AREA] >= smallest_px
    counts[0] = False
    if weak is not strong:
        seeded = np.zeros(len(stats), np.bool_)
        seeded[labels[strong != 0]] = True
        counts &= seeded
    numbers = np.flatnonzero(counts)
    sizes = stats[numbers, cv2.CC_STAT_WIDTH] * stats[numbers, cv2.CC_STAT_HEIGHT]
    found = []
    for number in numbers[np.argsort(-sizes, kind="stable")[:largest_number]].tolist():
        left, top, width, height, area = stats[number].tolist()
        inside = np.asarray(labels[top : top + height, left : left + width] == number).view(np.uint8)
        found.append(Component(left, top, inside, area))
    return found, (counts * np.uint8(ANOMALOUS)).astype(np.uint8)[labels]
