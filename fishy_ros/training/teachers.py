"""Teachers: trained networks whose mean a network learns from (Hinton et al., Distilling the Knowledge, 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.errors import TrainingError
from fishy_ros.training.checkpoint import load_model
from fishy_ros.training.heads.model import ModelOutput


@dataclass(frozen=True)
class TeacherConfig:
    """Who teaches, and how much it counts."""

    weights: tuple[str, ...]
    """Files of trained weights (`.safetensors`) of any networks with the same classes; relative ones to the working
    directory."""
    mirror: bool = True
    """Teachers look at the mirror image, too: twice as slow, and more certain."""
    segmentation: float = 0.5
    """Weight of the divergence from the mean class probabilities."""
    outlier: float = 0.5
    """Weight of the distance from the mean logit of being an outlier."""


class Taught(NamedTuple):
    """What teachers say of a batch."""

    logits: Tensor
    """Mean class logits, float `[B, C, h, w]`."""
    outlier: Tensor
    """Mean logit of being an outlier, float `[B, h, w]`."""


class Teachers(nn.Module):
    """The mean of several trained networks, which learn nothing any more."""

    def __init__(self, config: TeacherConfig) -> None:
        """Load the networks.

        Raises:
            TrainingError: weights are missing or damaged, or none are named.
        """
        super().__init__()
        if not config.weights:
            raise TrainingError("teachers: no weights are named")
        self.models = nn.ModuleList(load_model(Path(path)) for path in config.weights)
        self.requires_grad_(False)
        self._config = config

    @torch.no_grad()
    def forward(self, image: Tensor) -> Taught:
        """Look at a batch, float `[B, 3, H, W]` in 0 to 255."""
        seen = [_of(model(image)) for model in self.models]
        if self._config.mirror:
            seen += [_mirrored(_of(model(image.flip(3)))) for model in self.models]
        logits, outlier = (torch.stack(values).mean(dim=0) for values in zip(*seen, strict=True))
        return Taught(logits, outlier)

    def loss(self, output: ModelOutput, image: Tensor) -> Tensor:
        """Return how far what a network says of `image` is from what the teachers say.

        That is the Kullback-Leibler divergence from their classes and the Huber distance from their logit of an
        outlier. Every pixel counts, those without a label too: there the teachers are all that is known.
        """
        taught = self(image)
        found = _of(output)
        expected, said = taught.logits.log_softmax(dim=1), found.logits.log_softmax(dim=1)
        classes = F.kl_div(said, expected, reduction="none", log_target=True).sum(dim=1).mean()
        outlier = F.smooth_l1_loss(found.outlier, taught.outlier)
        return self._config.segmentation * classes + self._config.outlier * outlier


def _of(output: ModelOutput) -> Taught:
    return Taught(output.net.logits.float(), output.outlier.float())


def _mirrored(taught: Taught) -> Taught:
    return Taught(taught.logits.flip(3), taught.outlier.flip(2))
