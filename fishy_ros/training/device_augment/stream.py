"""The endless stream of batches of augmented crops, made on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from fishy_ros.errors import ConfigError
from fishy_ros.training.augment import AugmentConfig
from fishy_ros.training.crops import STRIDE, Crop
from fishy_ros.training.device_augment.device_images import DeviceImages, Scenes, stored_bytes
from fishy_ros.training.device_augment.ground import grain_pictures, paste_ground_patches, paste_markings
from fishy_ros.training.device_augment.mip_bank import MipBank
from fishy_ros.training.device_augment.objects import ObjectAtlas, draw_objects, paste_objects
from fishy_ros.training.device_augment.photometry import change_photometry
from fishy_ros.training.object_bank import ObjectBank
from fishy_ros.training.paste import PasteConfig
from fishy_ros.training.procedural import random_object
from fishy_ros.training.sources import SURE, TrainingSource

CHOICES: tuple[str, ...] = ("auto", "always", "never")
OBJECT_SIDE_PX: int = 256
GRAIN_SIDE_PX: int = 128
PROCEDURAL_OBJECTS: int = 1500
"""Procedural objects are drawn once, not anew for every crop: drawing takes the host longer than a whole crop."""

MEMORY_SHARE: float = 0.6
"""Of the free memory of a GPU that images and objects may take; the network needs the rest."""


class DeviceCrops:
    """All images and objects on the device, and batches of crops made of them by the recipe of `paste.populate`."""

    def __init__(
        self,
        sources: Sequence[TrainingSource],
        bank: ObjectBank,
        paste: PasteConfig,
        device: torch.device,
        seed: int,
        object_side: int = OBJECT_SIDE_PX,
        procedural_objects: int = PROCEDURAL_OBJECTS,
    ) -> None:
        """Upload everything; `object_side`, a power of two, is the largest side that is kept of an object, in px."""
        self._device = device
        self._paste = paste
        rng = np.random.default_rng(seed)
        drawn = [random_object(rng, bank.textures) for _ in range(procedural_objects)]
        self._images = DeviceImages(sources, device)
        self._atlas = ObjectAtlas(bank.objects, drawn, bank.distractors, object_side, device)
        grains = grain_pictures(list(bank.textures))
        self._grains = MipBank(grains, GRAIN_SIDE_PX, device) if grains else None

    def batches(self, augment: AugmentConfig, count: int, seed: int) -> Iterator[Crop]:
        """Yield batches of `count` crops for ever; the same seed gives the same crops on the same kind of device."""
        rng = np.random.default_rng(seed)
        generator = torch.Generator(self._device).manual_seed(seed)
        while True:
            yield self._batch(augment, count, rng, generator)

    @torch.no_grad()
    def _batch(self, augment: AugmentConfig, count: int, rng: Generator, generator: torch.Generator) -> Crop:
        scenes = self._images.draw(count, augment, rng)
        self._populate(scenes, rng, generator)
        image = change_photometry(scenes.image, augment.photometric, rng, generator)
        middle = slice(STRIDE // 2, None, STRIDE)
        return Crop(
            image,
            scenes.labels[:, middle, middle].contiguous(),
            scenes.confidence[:, middle, middle].float() / SURE,
            scenes.outlier[:, middle, middle].contiguous(),
        )

    def _populate(self, scenes: Scenes, rng: Generator, generator: torch.Generator) -> None:
        count, paste = len(scenes.image), self._paste
        for crops in _turns(rng.poisson(paste.ground_patches, count)):
            paste_ground_patches(scenes, crops, self._grains, rng, generator)
        for crops in _turns(rng.poisson(paste.markings, count)):
            paste_markings(scenes, crops, rng, generator)
        distractors = rng.poisson(paste.distractors, count) if self._atlas.distractors else np.zeros(count, int)
        outliers = np.maximum(1, rng.poisson(paste.outliers, count)) if paste.outliers > 0 else np.zeros(count, int)
        jobs = [rng.permutation([True] * o + [False] * d) for o, d in zip(outliers, distractors, strict=True)]
        for turn, crops in enumerate(_turns(outliers + distractors)):
            outlier = np.array([jobs[crop][turn] for crop in crops], bool)
            draw = draw_objects(crops, outlier, scenes, self._atlas, paste.anywhere, paste.procedural, rng)
            paste_objects(scenes, self._atlas, draw, generator)


def makes_crops_on_device(choice: str, device: torch.device, sources: Sequence[TrainingSource]) -> bool:
    """Decide where crops are made: where `choice` says so, and for `auto` on a GPU that has room for all images.

    Raises:
        ConfigError: `choice` is none of `CHOICES`.
    """
    if choice not in CHOICES:
        raise ConfigError(f"device_augment {choice!r} is unknown; known are {list(CHOICES)}")
    if choice == "auto":
        if device.type != "cuda":
            return False
        free, _ = torch.cuda.mem_get_info(device)
        return stored_bytes(sources) < MEMORY_SHARE * free
    return choice == "always"


def _turns(counts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the crops that have a first thing to be pasted, then those that have a second, and so on."""
    for turn in range(int(counts.max(initial=0))):
        yield np.flatnonzero(counts > turn)
