"""A labelled set that is made while it is read: streets with objects pasted after Fishyscapes, section 3.1.

Fishyscapes Web is not public; this stands beside Static as a set of its own. See `datasets/overlay.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fishy_ros.datasets.overlay import OverlayDataset
from fishy_ros.errors import ConfigError
from fishy_ros.training.sources import image_files, read_image, read_map
from fishy_ros.types import IGNORED, NORMAL, Sample


@dataclass(frozen=True)
class GeneratedSet:
    """Streets with train ids `NAME.png` of the same stem, and objects; folders are relative to the data root."""

    images: str
    labels: str
    objects: tuple[str, ...]
    """Folders of RGBA pictures; every street draws from one of them, from the part kept for validation."""
    name: str = "generated"
    count: int = 30
    """How many of the streets are used, spread evenly."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: no folder of objects was given, or no street can be used.
        """
        if not self.objects or self.count < 1:
            raise ConfigError(
                f"generated: {len(self.objects)} folders of objects, count {self.count}; expected 1 or more"
            )


class _Streets:
    """Labelled streets as a dataset with classes; what has no class is not counted."""

    name = "streets"

    def __init__(self, root: Path, config: GeneratedSet) -> None:
        files = image_files(root / config.images)
        spread = np.unique(np.linspace(0, len(files) - 1, config.count).round().astype(int))
        self._files = [files[index] for index in spread]
        self._labels = root / config.labels

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Sample:
        path = self._files[index]
        image = np.asarray(read_image(path, cv2.IMREAD_COLOR), np.uint8)
        classes = np.asarray(read_map(self._labels / f"{path.stem}.png"), np.uint8)
        labels = np.where(classes == IGNORED, IGNORED, NORMAL).astype(np.uint8)
        return Sample(path.stem, image, labels, classes)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))


def generated_samples(root: Path, config: GeneratedSet) -> Iterator[Sample]:
    """Yield the frames, always the same ones; half have an anomaly, the others a distractor.

    Raises:
        TrainingError: a street or its labels cannot be read.
        DatasetError: a folder holds no objects.
    """
    streets = _Streets(root, config)
    sets = [OverlayDataset(streets, root / folder, seed=config.seed, split="validation") for folder in config.objects]
    for index in range(len(streets)):
        yield sets[index % len(sets)][index]
