"""Everything that can be pasted into a street: objects, distractors and textures, cut out once and shared."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fishy_ros.datasets.images import read_image
from fishy_ros.errors import ConfigError, TrainingError
from fishy_ros.training.array_store import ArrayStore, open_store
from fishy_ros.training.object_crops import ObjectCrop, cut_labelled_things, load_coco_folder, load_rgba_folder
from fishy_ros.training.sources import cache_path

UNKNOWN: int = 255
"""Stands for the class of an object that belongs to none."""


HOLD_OUT: int = 10
"""Every how many-th crop of a group is kept for validation."""


@dataclass(frozen=True)
class BankConfig:
    """Where objects and distractors lie, relative to the data root."""

    objects: tuple[str, ...]
    """Folders of RGBA pictures of things that no street class holds."""
    erode: tuple[int, ...] = ()
    """For each folder, px by which masks are made smaller because they kept a rim; empty for none."""
    coco: str | None = None
    """Photographs with polygons; their street things become distractors, the others objects."""
    distractor_images: str | None = None
    distractor_labels: str | None = None
    """Labelled streets from which things of known classes are cut."""
    distractors_per_class: int = 300

    def __post_init__(self) -> None:
        if self.erode and len(self.erode) != len(self.objects):
            raise ConfigError(f"bank: {len(self.objects)} folders of objects but {len(self.erode)} values of erode")
        if (self.distractor_images is None) != (self.distractor_labels is None):
            raise ConfigError("bank: distractor_images and distractor_labels belong together; only one is given")


class CropGroup(Sequence[ObjectCrop]):
    """Object crops in a store: array 0 holds their classes, the others RGBA in the order of OpenCV (BGRA)."""

    def __init__(self, store: ArrayStore, held_out: bool, only: int | None = None) -> None:
        """Show the crops for training or those held out for validation: all, or those of the train id `only`."""
        self._store = store
        self.classes = np.asarray(store[0])
        picked = np.arange(len(self.classes)) if only is None else np.flatnonzero(self.classes == only)
        self._picked = picked[_is_of_part(len(picked), held_out)]

    def __len__(self) -> int:
        return len(self._picked)

    @overload
    def __getitem__(self, index: int) -> ObjectCrop: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[ObjectCrop]: ...

    def __getitem__(self, index: int | slice) -> ObjectCrop | Sequence[ObjectCrop]:
        """Return crop `index`."""
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = int(self._picked[index])
        pixels, known = self._store[1 + position], int(self.classes[position])
        alpha = pixels[..., 3].astype(np.float32) / np.float32(255)
        return ObjectCrop(pixels[..., :3], alpha, None if known == UNKNOWN else known)


@dataclass(frozen=True)
class ObjectBank:
    """What can be pasted. A group is drawn in proportion to the square root of its size, so that none dominates."""

    objects: Sequence[Sequence[ObjectCrop]]
    distractors: Sequence[Sequence[ObjectCrop]]
    textures: Sequence[NDArray[np.uint8]]


def draw(groups: Sequence[Sequence[ObjectCrop]], rng: Generator) -> ObjectCrop:
    """Draw a group, then one of its crops."""
    weights = np.sqrt([len(group) for group in groups])
    group = groups[int(rng.choice(len(groups), p=weights / weights.sum()))]
    return group[int(rng.integers(len(group)))]


def load_object_bank(root: Path, config: BankConfig, cache: Path, held_out: bool = False) -> ObjectBank:
    """Open every object, distractor and texture below `root`, cut out once into the folder `cache`.

    Every `HOLD_OUT`th crop is only in the bank that is `held_out` for validation, the others only in that for training.

    Raises:
        TrainingError: a folder is missing or empty.
    """
    erode = config.erode or (0,) * len(config.objects)
    objects: list[Sequence[ObjectCrop]] = []
    for name, px in zip(config.objects, erode, strict=True):
        cut = functools.partial(load_rgba_folder, root / name, px)
        objects.append(CropGroup(_open_crops(cache, name, (root / name,), (px,), cut), held_out))
    distractors: list[Sequence[ObjectCrop]] = []
    textures: list[NDArray[np.uint8]] = []
    if config.coco is not None:
        unknown, known = load_coco_folder(root / config.coco)
        photographs = sorted((root / config.coco).glob("images/*/*.jpg"))
        textures = [read_image(path) for path in photographs]
        if not unknown or not known or not textures:
            raise TrainingError(f"{root / config.coco}: no COCO photographs with polygons found")
        objects.append([unknown[index] for index in np.flatnonzero(_is_of_part(len(unknown), held_out))])
        distractors.append([known[index] for index in np.flatnonzero(_is_of_part(len(known), held_out))])
    if config.distractor_images is not None and config.distractor_labels is not None:
        images, labels = root / config.distractor_images, root / config.distractor_labels
        cut = functools.partial(cut_labelled_things, images, labels, config.distractors_per_class)
        things = _open_crops(cache, "distractors", (images, labels), (config.distractors_per_class,), cut)
        distractors += [CropGroup(things, held_out, int(known)) for known in np.unique(things[0])]
    return ObjectBank([group for group in objects if group], [group for group in distractors if group], textures)


def _is_of_part(count: int, held_out: bool) -> NDArray[np.bool_]:
    return (np.arange(count) % HOLD_OUT == HOLD_OUT - 1) == held_out


def _open_crops(
    cache: Path, name: str, folders: Iterable[Path], settings: tuple[int, ...], cut: Callable[[], Sequence[ObjectCrop]]
) -> ArrayStore:
    return open_store(cache_path(cache, name, folders, settings), _arrays(cut))


def _arrays(cut: Callable[[], Sequence[ObjectCrop]]) -> Iterator[NDArray[np.uint8]]:
    crops = cut()
    yield np.array([UNKNOWN if crop.train_id is None else crop.train_id for crop in crops], np.uint8)
    for crop in crops:
        alpha = (crop.alpha * 255).round().astype(np.uint8)
        yield np.dstack([crop.color, alpha])
