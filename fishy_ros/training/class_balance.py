"""Weights that keep rare classes from being learned last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fishy_ros.training.sources import SURE, TrainingSource

IMAGES_PER_SOURCE = 60


def class_shares(sources: Sequence[TrainingSource], classes: int) -> Tensor:
    """Measure the share of each class, float `[classes]`, in what the sources show, as often as they are drawn."""
    total = np.zeros(classes)
    for source in sources:
        count = np.zeros(classes)
        for image in map(source.load, source.spread(IMAGES_PER_SOURCE)):
            weight = np.square(image.confidence.ravel() / SURE)
            pixels = np.bincount(image.labels.ravel(), weight, minlength=256)[:classes]
            count += pixels / max(1.0, pixels.sum())
        total += source.config.weight * count / max(1.0, count.sum())
    return torch.from_numpy(total / total.sum()).float()


def class_weights(shares: Tensor, constant: float) -> Tensor:
    """Weigh classes by 1 / log(constant + share) (Paszke et al., ENet, 2016, section 5), the mean over pixels being 1.

    The constant is above 1; the closer to 1, the more rare classes count.
    """
    weights = 1 / torch.log(constant + shares)
    return weights / (weights * shares).sum()
