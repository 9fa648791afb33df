"""A bank of normal pixels, as many of each predicted class where there are enough."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fishy_ros.errors import TrainingError
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.spec import Observation, Statistics

PER_IMAGE: int = 16
"""Pixels of each predicted class taken from an image: a bank of all would hold road and sky alone."""

CAPACITY: int = 5000
"""Fishyscapes (appendix B.5) keeps 1,000 images whole; this many convolutions of one pixel still run in a graph."""


class PixelBank:
    """Measure what nearest neighbours, principal subspaces and rectified activations need.

    `finish` gives up to `capacity` pixels: `features` float `[K, D]` (fine features) and `classes` int64 `[K]`, the
    predicted ones.
    """

    def __init__(self, model: AnomalyModel, statistics: Statistics, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.generator = torch.Generator().manual_seed(0)
        self.picked: list[Pixels] = []

    def observe(self, seen: Observation) -> None:
        """Draw pixels of an image."""
        winner = seen.net.logits[0].flatten(1).argmax(dim=0)
        chosen = pick(winner, PER_IMAGE, self.generator)
        self.picked.append(Pixels(seen.net.detail[0].flatten(1)[:, chosen].T, winner[chosen]))

    def finish(self) -> dict[str, Tensor]:
        """Draw what fits of all that were seen.

        Raises:
            TrainingError: no image was seen.
        """
        if not self.picked:
            raise TrainingError("no image was given to draw pixels from")
        features, classes = (torch.cat(parts) for parts in zip(*self.picked, strict=True))
        kept = torch.randperm(len(classes), generator=self.generator)[: self.capacity]
        return {"features": features[kept].float().contiguous(), "classes": classes[kept].contiguous()}


class Pixels(NamedTuple):
    """Features `[n, D]` and predicted classes `[n]` of some pixels."""

    features: Tensor
    classes: Tensor


def pick(classes: Tensor, per_class: int, generator: torch.Generator) -> Tensor:
    """Draw up to `per_class` positions of each value of `classes` `[N]`."""
    shuffled = torch.randperm(classes.numel(), generator=generator)
    return torch.cat([shuffled[classes[shuffled] == value][:per_class] for value in classes.unique()])
