"""Keep small copies of some frames, so that the best, median and worst ones can be shown at the end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.types import ANOMALY, ImageArray, LabelMap, ScoreMap

WIDTH = 720
"""Greatest width of the small copies, in px."""

_CAPACITY = 24
_PER_GROUP = 3


@dataclass(frozen=True)
class GalleryEntry:
    """A small copy of one frame and how well it was scored."""

    frame: str
    ap: float
    """Average precision of the frame by itself; NaN without anomalous or normal pixels."""
    score: ScoreMap
    """float32 `[h, w]`."""
    labels: LabelMap | None
    """uint8 `[h, w]`."""
    image: ImageArray | None
    """uint8 `[h, w, 3]`, BGR."""


@dataclass(frozen=True)
class Gallery:
    """Frames chosen for a report."""

    best: tuple[GalleryEntry, ...] = ()
    median: tuple[GalleryEntry, ...] = ()
    worst: tuple[GalleryEntry, ...] = ()


class GalleryKeeper:
    """Hold at most 24 frames, spread over the range of average precision, the best and the worst always among them."""

    def __init__(self) -> None:
        self._entries: list[GalleryEntry] = []

    def add(self, entry: GalleryEntry) -> None:
        """Offer one frame."""
        self._entries.append(entry)
        self._entries.sort(key=_rank)
        if len(self._entries) > _CAPACITY:
            del self._entries[self._most_crowded()]

    def merge(self, other: GalleryKeeper) -> None:
        """Offer all frames that `other` holds."""
        for entry in other._entries:
            self.add(entry)

    def compute(self) -> Gallery:
        """Choose best, median and worst frames; no frame stands in two groups."""
        ranked = sorted(self._entries, key=_rank)
        count = min(_PER_GROUP, math.ceil(len(ranked) / 3))
        worst, rest = ranked[:count], ranked[count:]
        best, rest = rest[max(len(rest) - count, 0) :][::-1], rest[: max(len(rest) - count, 0)]
        middle = max((len(rest) - count) // 2, 0)
        return Gallery(tuple(best), tuple(rest[middle : middle + count]), tuple(worst))

    def _most_crowded(self) -> int:
        """Find the frame between whose neighbours the gap is smallest; the ends are kept."""
        ranks = [_rank(entry)[0] for entry in self._entries]
        inner = range(_PER_GROUP, len(ranks) - _PER_GROUP)
        return min(inner, key=lambda index: ranks[index + 1] - ranks[index - 1])


def gallery_entry(
    frame: str, ap: float, score: ScoreMap, labels: LabelMap | None = None, image: ImageArray | None = None
) -> GalleryEntry:
    """Copy one frame at a width of at most 720 px; float32 `[h, w]`, uint8 `[H, W]`, uint8 `[H, W, 3]`."""
    return GalleryEntry(frame, ap, _shrink(score), _shrink_labels(labels), _shrink_image(image))


def _rank(entry: GalleryEntry) -> tuple[float, str]:
    return (-1.0 if math.isnan(entry.ap) else entry.ap, entry.frame)


def _shrink(score: ScoreMap) -> ScoreMap:
    return np.array(_resize(score), np.float32)


def _shrink_image(image: ImageArray | None) -> ImageArray | None:
    return None if image is None else np.array(_resize(image), np.uint8)


def _shrink_labels(labels: LabelMap | None) -> LabelMap | None:
    """Keep anomalous pixels visible, however few: a pixel is anomalous from a quarter of its area on."""
    if labels is None:
        return None
    small = np.array(_resize(labels, cv2.INTER_NEAREST), np.uint8)
    small[_resize((labels == ANOMALY).view(np.uint8) * np.uint8(255)) >= 64] = ANOMALY
    return small


def _resize(array: NDArray[Any], interpolation: int = cv2.INTER_AREA) -> NDArray[Any]:
    """Shrink by a whole factor, which OpenCV does several times faster than by any other."""
    factor = -(-array.shape[1] // WIDTH)
    height, width = array.shape[0] // factor, array.shape[1] // factor
    if factor == 1 or height == 0:
        return array
    return cv2.resize(array[: height * factor, : width * factor], (width, height), interpolation=interpolation)
