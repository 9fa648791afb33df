"""Training images with pasted anomalies, for heads whose few weights are fitted: never a frame that is scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import torch

from fishy_ros.datasets.overlay import OverlayDataset
from fishy_ros.datasets.overlay_settings import OverlaySettings
from fishy_ros.training.sources import TrainingSource, normal_pictures
from fishy_ros.training.statistics import PastedImage, to_tensor
from fishy_ros.types import Sample

STRIDE: int = 4
SETTINGS = OverlaySettings(anomalies=1.0)


class _Pictures(list[Sample]):
    """Some pictures as a dataset without labels."""

    name = "training images"


def pasted_images(
    sources: Sequence[TrainingSource], objects: Path, count: int, height: int, width: int
) -> Iterator[PastedImage]:
    """Yield up to `count` training images of `height` x `width` with an object of `objects` each.

    Raises:
        DatasetError: the folder holds no objects.
    """
    pictures = _Pictures(Sample(str(number), each) for number, each in enumerate(normal_pictures(sources, count)))
    for sample in OverlayDataset(pictures, objects, seed=1, settings=SETTINGS, split="train"):
        if sample.labels is None:
            continue
        size = (width // STRIDE, height // STRIDE)
        outlier = cv2.resize(sample.labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
        yield PastedImage(to_tensor(sample.image, height, width), torch.from_numpy(outlier)[None])
