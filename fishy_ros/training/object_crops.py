"""Object crops with an alpha channel: unknown ones to paste as outliers, known ones to paste as distractors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.datasets.images import decode_file, read_image
from fishy_ros.datasets.label_files import read_samples
from fishy_ros.errors import TrainingError

MAX_SIDE: int = 256

COCO_TO_TRAIN_ID: dict[int, int] = {0: 11, 1: 18, 2: 13, 3: 17, 5: 15, 6: 16, 7: 14, 9: 6, 11: 7}
"""COCO's 80-class index to the Cityscapes train id of the same thing."""

PEOPLE: frozenset[int] = frozenset({11, 12})
"""Train ids of person and rider."""

PERSON: int = 0
STANDING: float = 1.8
"""Height over width from which a person of a photograph counts as one who stands or walks; half a person on the road is
not normal."""

COCO_STREET_FURNITURE: frozenset[int] = frozenset({10, 12, 13, 25, 58, 60})
"""Hydrant, parking meter, bench, umbrella, potted plant and table stand beside normal streets: never outliers."""


@dataclass(frozen=True)
class ObjectCrop:
    """An object: `color` uint8 `[h, w, 3]` BGR and `alpha` float32 `[h, w]` in [0, 1].

    `train_id` is its Cityscapes class for a distractor, None for an outlier.
    """

    color: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    train_id: int | None = None


def load_rgba_folder(folder: Path, erode: int) -> list[ObjectCrop]:
    """Load every `.webp` or `.png` with alpha below `folder`, its mask made smaller by `erode` px.

    Raises:
        TrainingError: nothing usable is there.
    """
    crops = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in {".webp", ".png"}):
        rgba = decode_file(path, cv2.IMREAD_UNCHANGED)
        if rgba.ndim != 3 or rgba.shape[2] != 4:
            raise TrainingError(f"{path}: expected an image with an alpha channel")
        crop = make_object_crop(np.asarray(rgba[..., :3], np.uint8), rgba[..., 3] > 127, erode)
        if crop is not None:
            crops.append(crop)
    if not crops:
        raise TrainingError(f"{folder}: no object crops (.webp or .png with alpha) found")
    return crops


def load_coco_folder(folder: Path, min_side: int = 24) -> tuple[list[ObjectCrop], list[ObjectCrop]]:
    """Cut the objects of a COCO folder with polygon labels: outliers and distractors.

    Layout: `images/*/NAME.jpg` with `labels/*/NAME.txt`, a line an object: class, then x y pairs in [0, 1].
    """
    outliers: list[ObjectCrop] = []
    distractors: list[ObjectCrop] = []
    for path in sorted(folder.glob("images/*/*.jpg")):
        label_file = folder / "labels" / path.parent.name / f"{path.stem}.txt"
        if not label_file.is_file():
            continue
        image = read_image(path)
        for category, polygon in _polygons(label_file, image.shape[1], image.shape[0]):
            mask = np.zeros(image.shape[:2], np.uint8)
            cv2.fillPoly(mask, [polygon], 1)
            train_id = COCO_TO_TRAIN_ID.get(category)
            crop = make_object_crop(image, mask > 0, 1, train_id)
            if crop is None or min(crop.alpha.shape) < min_side or category in COCO_STREET_FURNITURE:
                continue
            if category == PERSON and crop.alpha.shape[0] < STANDING * crop.alpha.shape[1]:
                continue
            (outliers if train_id is None else distractors).append(crop)
    return outliers, distractors


THINGS: tuple[int, ...] = (6, 7, 11, 12, 13, 14, 15, 17, 18)
"""Train ids of what can be cut out of a labelled street and stand elsewhere: lights, signs, people and vehicles."""

MIN_THING_PX: int = 24
"""Shorter things are too coarse to be pasted larger."""


def cut_labelled_things(images: Path, labels: Path, per_class: int) -> list[ObjectCrop]:
    """Cut connected regions of `THINGS` from streets with train ids; up to `per_class` of each, spread over the images.

    Regions that touch the border of the image are left out, since they are cut off there, and so are people who are
    not upright: half a person on the road is not normal.
    """
    found: dict[int, list[ObjectCrop]] = {thing: [] for thing in THINGS}
    paths = sorted(labels.glob("*.png"))
    order = np.random.default_rng(0).permutation(len(paths))
    for position in order:
        path = paths[position]
        wanted = [thing for thing in THINGS if len(found[thing]) < per_class]
        if not wanted:
            break
        ids = np.asarray(read_samples(path), np.uint8)
        if not np.isin(ids, wanted).any():
            continue
        image = read_image(next(images.glob(f"{path.stem}.*")))
        for thing in wanted:
            found[thing] += _regions(image, ids == thing, thing)
    return [crop for crops in found.values() for crop in crops[:per_class]]


def _regions(image: NDArray[np.uint8], mask: NDArray[np.bool_], train_id: int) -> Iterator[ObjectCrop]:
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    height, width = mask.shape
    for piece in range(1, count):
        x, y, w, h, area = (int(value) for value in stats[piece])
        at_border = x == 0 or y == 0 or x + w == width or y + h == height
        upright = train_id not in PEOPLE or h > STANDING * w
        if at_border or not upright or min(w, h) < MIN_THING_PX / 2 or max(w, h) < MIN_THING_PX or area < w * h / 4:
            continue
        crop = make_object_crop(image[y : y + h, x : x + w], pieces[y : y + h, x : x + w] == piece, 0, train_id)
        if crop is not None:
            yield crop


def make_object_crop(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], erode: int, train_id: int | None = None
) -> ObjectCrop | None:
    """Cut the largest piece of `mask` out of `image`; None where erosion leaves nothing."""
    shrunk = mask.astype(np.uint8)
    if erode:
        shrunk = np.asarray(cv2.erode(shrunk, np.ones((2 * erode + 1, 2 * erode + 1), np.uint8)), np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(shrunk)
    if count < 2:
        return None
    best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    x, y, w, h = (int(v) for v in stats[best, :4])
    alpha = (pieces[y : y + h, x : x + w] == best).astype(np.float32)
    color = image[y : y + h, x : x + w]
    scale = min(1.0, MAX_SIDE / max(w, h))
    if scale < 1:
        size = (max(1, round(w * scale)), max(1, round(h * scale)))
        color = np.asarray(cv2.resize(color, size, interpolation=cv2.INTER_AREA), np.uint8)
        alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    return ObjectCrop(color.copy(), alpha, train_id)


def _polygons(path: Path, width: int, height: int) -> Iterator[tuple[int, NDArray[np.int32]]]:
    for line in path.read_text().splitlines():
        category, *coordinates = line.split()
        try:
            points = np.array(coordinates, np.float64).reshape(-1, 2).clip(0.0, 1.0) * (width, height)
            yield int(category), points.round().astype(np.int32)
        except ValueError as error:
            raise TrainingError(f"{path}: no class with x y pairs: {line[:60]!r}") from error
