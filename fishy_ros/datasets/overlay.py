"""Paste unknown objects into driving images as Fishyscapes Static and Web do (Blum et al., IJCV 2021, section 3.1).

A frame gets either an anomaly or a distractor. An anomaly is an object that the base dataset does not know, of random
size, anywhere in the image but on the ego vehicle. A distractor is a normal thing of another frame, at its own place.
Both go through the same steps, in the paper's order: smoothing of the mask where it is hard, brightness of the covered
pixels, inverse histogram of the image (anomalies only), radial motion blur, depth blur by position, color noise and
glow. Fog lies on normal pixels only.

The paper's own code is not public. Its order, sizes and strengths are not printed; those here are this project's, so
scores on these frames do not stand for scores on Fishyscapes Web.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fishy_ros.datasets.base import Dataset
from fishy_ros.datasets.object_crops import ObjectCrop, find_object_crops, read_object_crop
from fishy_ros.datasets.overlay_distractors import draw_thing
from fishy_ros.datasets.overlay_effects import FloatImage, add_fog
from fishy_ros.datasets.overlay_paste import draw_placement, ego_vehicle, paste
from fishy_ros.datasets.overlay_settings import OverlaySettings
from fishy_ros.datasets.voc_objects import find_voc_objects, is_voc
from fishy_ros.types import ANOMALY, IGNORED, NORMAL, ImageArray, LabelMap, Sample


@dataclass
class _Frame:
    """A frame in the making: what it was, and what has become of it."""

    before: ImageArray
    image: FloatImage
    labels: LabelMap
    classes: LabelMap | None


class OverlayDataset:
    """The frames of another dataset with objects pasted in; a frame depends on the seed and its number.

    Labels are those of the base dataset (0 where it has none), 1 where an anomaly covers at least half of a pixel, 0
    where a distractor does. Classes are those of the base dataset, 255 under an anomaly and the thing's own class under
    a distractor.

    Distractors come from the base dataset where it has classes, else from a folder of crops, which know no place of
    their own and are placed like anomalies. Without either, every frame has an anomaly.
    """

    def __init__(
        self,
        base: Dataset,
        objects: Path,
        distractors: Path | None = None,
        seed: int = 0,
        settings: OverlaySettings | None = None,
        split: str = "all",
    ) -> None:
        """Paste the objects under `objects` as anomalies, those under `distractors` as normal things.

        Args:
            base: the frames.
            objects: a folder of RGBA pictures, or `VOC2012`.
            distractors: a folder of RGBA pictures, for a base without classes.
            seed: decides what goes where.
            settings: strengths of the steps.
            split: `train`, `validation` or `all` objects; the first two share none.

        Raises:
            DatasetError: a folder holds no objects.
            ConfigError: the split is unknown.
        """
        self._base = base
        self._objects = _readers(objects, split)
        self._distractors = _readers(distractors, split) if distractors is not None else ()
        self._seed = seed
        self._settings = settings or OverlaySettings()

    @property
    def name(self) -> str:
        """The name of the base dataset, marked."""
        return f"{self._base.name}+overlay"

    def __len__(self) -> int:
        return len(self._base)

    def __getitem__(self, index: int) -> Sample:
        """Read a frame and paste into it.

        Raises:
            DatasetError: the frame or an object cannot be read.
        """
        number = range(len(self))[index]
        sample = self._base[number]
        random = np.random.default_rng([self._seed, number])
        foggy = random.random() < self._settings.fog
        wants_anomaly = random.random() < self._settings.anomalies
        labels = np.zeros(sample.image.shape[:2], np.uint8) if sample.labels is None else sample.labels.copy()
        classes = None if sample.classes is None else sample.classes.copy()
        frame = _Frame(sample.image, sample.image.astype(np.float32), labels, classes)
        ego = ego_vehicle(sample.labels, frame.labels.shape, self._settings.bonnet)
        if wants_anomaly or not self._paste_distractor(frame, ego, random):
            if foggy:  # before the anomaly, which no fog covers
                frame.image = add_fog(frame.image, self._settings.horizon, random)
            self._paste_placed(frame, self._objects, ego, ANOMALY, random)
        elif foggy:
            frame.image = add_fog(frame.image, self._settings.horizon, random)
        return Sample(sample.id, np.clip(np.rint(frame.image), 0, 255).astype(np.uint8), frame.labels, frame.classes)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def _paste_distractor(self, frame: _Frame, ego: np.ndarray, random: np.random.Generator) -> bool:
        """Paste a thing at its own place, or a distractor anywhere; say whether the frame has one now."""
        if frame.classes is None:
            return self._paste_placed(frame, self._distractors, ego, NORMAL, random)
        thing = draw_thing(self._base, random)
        if thing is None:
            return False
        covered = paste(frame.image, thing.crop, thing.placement, self._settings, random, mirror=False)
        frame.labels[covered], frame.classes[covered] = NORMAL, thing.train_id
        return bool(covered.any())

    def _paste_placed(
        self,
        frame: _Frame,
        objects: Sequence[Callable[[], ObjectCrop]],
        ego: np.ndarray,
        meaning: int,
        random: np.random.Generator,
    ) -> bool:
        if not objects:
            return False
        crop = objects[int(random.integers(len(objects)))]()
        placement = draw_placement(crop, ego, self._settings, random)
        if placement is None:
            return False
        histogram = frame.before if meaning == ANOMALY else None
        covered = paste(frame.image, crop, placement, self._settings, random, histogram)
        frame.labels[covered] = meaning
        if frame.classes is not None:
            frame.classes[covered] = IGNORED
        return True


def _readers(folder: Path, split: str) -> tuple[Callable[[], ObjectCrop], ...]:
    if is_voc(folder):
        return tuple(found.read for found in find_voc_objects(folder, split))
    return tuple(partial(read_object_crop, path) for path in find_object_crops(folder, split))
