"""A labelled set that is made while it is read: streets with objects pasted after Fishyscapes, section 3.1.

Fishyscapes Web is not public; this stands beside Static as a set of its own. See `datasets/overlay.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fishy_ros.datasets.files import FileDataset, FrameFiles
from fishy_ros.datasets.label_mapping import LabelMapping
from fishy_ros.datasets.overlay import OverlayDataset
from fishy_ros.errors import ConfigError
from fishy_ros.training.sources import image_files, spread
from fishy_ros.types import IGNORED, NORMAL, Sample

HAS_CLASS = LabelMapping(frozenset(), frozenset(), frozenset({IGNORED}), other=NORMAL)
"""What has no class is not counted."""


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


def generated_samples(root: Path, config: GeneratedSet) -> Iterator[Sample]:
    """Yield the frames, always the same ones; half have an anomaly, the others a distractor.

    Raises:
        TrainingError: there are no streets.
        DatasetError: a street or its labels cannot be read, or a folder holds no objects.
    """
    files = image_files(root / config.images)
    labels = root / config.labels
    chosen = [files[number] for number in spread(len(files), config.count)]
    frames = [FrameFiles(file.stem, file, labels / f"{file.stem}.png") for file in chosen]
    streets = FileDataset("streets", frames, HAS_CLASS, np.arange(256, dtype=np.uint8))
    sets = [OverlayDataset(streets, root / folder, seed=config.seed, split="validation") for folder in config.objects]
    for index in range(len(streets)):
        yield sets[index % len(sets)][index]
