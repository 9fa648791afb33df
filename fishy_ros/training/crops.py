"""The endless stream of augmented training crops."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from fishy_ros.training.augment import AugmentConfig, change_photometry, random_crop
from fishy_ros.training.four_way_split import split_at, target_centre, whole_street
from fishy_ros.training.object_bank import ObjectBank
from fishy_ros.training.paste import PasteConfig, Scene, populate
from fishy_ros.training.schedule import StageConfig
from fishy_ros.training.sources import SURE, TrainingSource

STRIDE: int = 4
"""Targets are given at the resolution of the network's output, every fourth pixel."""


class Crop(NamedTuple):
    """One training crop, or a batch of them with a leading dimension.

    `image` uint8 `[3, H, W]` BGR; at 1/4 resolution: `labels` uint8, `weight` float32 (of the segmentation loss) and
    `outlier` uint8 (0, 1, 255), each `[H/4, W/4]`.
    """

    image: Tensor
    labels: Tensor
    weight: Tensor
    outlier: Tensor


def crop_augment(config: AugmentConfig, stage: StageConfig) -> AugmentConfig:
    """Return the augmentation with the size and the zoom of a stage's crops."""
    return dataclasses.replace(config, height=stage.height, width=stage.width, scale=stage.scale)


class CropStream(IterableDataset[Crop]):
    """Draw crops for ever; the same seed, worker and number of workers give the same crops."""

    def __init__(
        self,
        sources: Sequence[TrainingSource],
        bank: ObjectBank,
        augment: AugmentConfig,
        paste: PasteConfig,
        seed: int,
    ) -> None:
        self.sources = sources
        self.bank = bank
        self.augment = augment
        self.paste = paste
        self.seed = seed

    def __iter__(self) -> Iterator[Crop]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        cv2.setNumThreads(1)
        chances = np.array([source.config.weight for source in self.sources])
        chances = chances / chances.sum()
        while True:
            source = self.sources[int(rng.choice(len(self.sources), p=chances))]
            yield from (self._finish(scene, rng) for scene in self._scenes(source, rng))

    def _scenes(self, source: TrainingSource, rng: Generator) -> Iterator[Scene]:
        """Yield a crop of an image, or four around an outlier."""
        image = source.load(int(rng.integers(len(source))))
        if self.paste.four_way:
            street = whole_street(image, self.augment, rng)
            populate(street, self.bank, self.paste, rng)
            centre = target_centre(street, rng)
            if centre is not None:
                yield from split_at(street, centre, self.augment.height, self.augment.width)
                return
        scene = random_crop(image, self.augment, rng)
        if not self.paste.four_way:
            populate(scene, self.bank, self.paste, rng)
        yield scene

    def _finish(self, scene: Scene, rng: Generator) -> Crop:
        """Change light and color, and turn everything into tensors."""
        image = change_photometry(scene.image, self.augment.photometric, rng)
        return Crop(
            torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            torch.from_numpy(thin_out(scene.labels)),
            torch.from_numpy(thin_out(scene.confidence).astype(np.float32) / np.float32(SURE)),
            torch.from_numpy(thin_out(scene.outlier)),
        )


def thin_out(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the pixel at the centre of each pixel of the network's output, `[H, W]` to `[H/4, W/4]`."""
    return np.ascontiguousarray(values[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE])
