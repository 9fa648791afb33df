"""Normal objects to paste, so that marks of pasting alone mean nothing: things of other frames at their own place."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fishy_ros.datasets.base import Dataset
from fishy_ros.datasets.object_crops import ObjectCrop
from fishy_ros.datasets.overlay_paste import Placement

THINGS: tuple[int, ...] = (5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 18)
"""Train ids of what can be cut out: pole, traffic light, traffic sign, person, rider and the six vehicles."""

SMALLEST: float = 0.0004
"""Share of the image that a thing must cover."""


@dataclass(frozen=True)
class Thing:
    """A connected thing of a frame, where it stood, and its train id."""

    crop: ObjectCrop
    placement: Placement
    train_id: int


def draw_thing(base: Dataset, random: np.random.Generator, tries: int = 4) -> Thing | None:
    """Cut a whole thing out of a random frame of a dataset with classes; None where `tries` frames hold none.

    Things that touch the border of their image, or are smaller than `SMALLEST`, are left out.
    """
    for _ in range(tries):
        sample = base[int(random.integers(len(base)))]
        if sample.classes is None:
            return None
        for train_id in random.permutation(THINGS):
            mask = (sample.classes == train_id).astype(np.uint8)
            _, regions, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            rows, columns = mask.shape
            for number in random.permutation(np.arange(1, len(boxes))):
                left, top, width, height, area = (int(value) for value in boxes[number])
                inside = left > 0 and top > 0 and left + width < columns and top + height < rows
                if inside and area >= SMALLEST * mask.size:
                    box = np.s_[top : top + height, left : left + width]
                    alpha = (regions[box] == number).astype(np.float32)
                    crop = ObjectCrop(f"{train_id}_{sample.id}_{number}", sample.image[box].copy(), alpha)
                    return Thing(crop, Placement(left + width / 2, top + height, height), int(train_id))
    return None
