"""Cut a street into four at an outlier, so that every crop holds a part of it and of the normal street.

Source: COCO-DAG, section 3.1: objects are pasted into whole images, which are split into four at the centre of the
target. The paper's crops are 480x480; here they have the size of the stage.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator

from fishy_ros.training.augment import AugmentConfig
from fishy_ros.training.paste import Scene
from fishy_ros.training.sources import IGNORE, TrainingImage
from fishy_ros.types import ANOMALY, IGNORED


def whole_street(source: TrainingImage, config: AugmentConfig, rng: Generator) -> Scene:
    """Return a whole image at the width at which the network reads streets, flipped half of the time."""
    height, width = source.labels.shape
    size = (config.reference_width, round(height * config.reference_width / width))
    step = -1 if rng.random() < 0.5 else 1
    shrinks = cv2.INTER_AREA if width > size[0] else cv2.INTER_LINEAR
    image = cv2.resize(source.image, size, interpolation=shrinks)
    maps = (cv2.resize(each, size, interpolation=cv2.INTER_NEAREST) for each in _maps(source))
    labels, confidence, outlier = (np.array(each[:, ::step], np.uint8) for each in maps)
    return Scene(np.array(image[:, ::step], np.uint8), labels, confidence, source.horizon * size[1], outlier)


def _maps(source: TrainingImage) -> tuple[np.ndarray, ...]:
    return source.labels, source.confidence, source.outlier


def target_centre(scene: Scene, rng: Generator) -> tuple[int, int] | None:
    """Return row and column of the centre of an outlier, None where the scene has none."""
    found, _, _, centres = cv2.connectedComponentsWithStats((scene.outlier == ANOMALY).astype(np.uint8))
    if found < 2:
        return None
    column, row = centres[int(rng.integers(1, found))]
    return round(float(row)), round(float(column))


def split_at(scene: Scene, centre: tuple[int, int], height: int, width: int) -> Iterator[Scene]:
    """Yield the parts of up to `height` x `width` px above and below, left and right of a point.

    Where the street ends before that, black pixels follow that count nowhere.
    """
    row, column = centre
    for top in (row - height, row):
        for left in (column - width, column):
            yield _cut(scene, top, left, height, width)


def _cut(scene: Scene, top: int, left: int, height: int, width: int) -> Scene:
    rows, columns = scene.labels.shape
    y0, y1, x0, x1 = max(0, top), min(rows, top + height), max(0, left), min(columns, left + width)
    around = (y0 - top, top + height - y1, x0 - left, left + width - x1)

    def part(values: np.ndarray, outside: int) -> np.ndarray:
        widened = cv2.copyMakeBorder(values[y0:y1, x0:x1], *around, cv2.BORDER_CONSTANT, value=(outside,) * 3)
        return np.asarray(widened, np.uint8)

    return Scene(
        part(scene.image, 0),
        part(scene.labels, IGNORE),
        part(scene.confidence, 0),
        scene.horizon - top,
        part(scene.outlier, IGNORED),
    )
