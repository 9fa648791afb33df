"""Nearest neighbours of a pixel's fine features in a bank of normal pixels, exact, in the graph.

`knn`: Fishyscapes (Blum et al., IJCV 2021), equation 5 and appendix B.5, k = 20. `knn_class`: equation 4, k = 100.
`deep_knn`: Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, ICML 2022, equation 5.

Both equations of Fishyscapes weight neighbours by exp(-d) and call d the cosine. Read literally that falls with the
similarity; the search library that the paper uses returns 1 - cos, so the weights here are exp(cos - 1).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.statistics import halve
from fishy_ros.training.nets.blocks import upsample
from fishy_ros.training.nets.network import NetOutput

DENSITY_NEIGHBOURS: int = 20
CLASS_NEIGHBOURS: int = 100
DEEP_NEIGHBOURS: int = 50
"""The papers' k; the last is that of CIFAR-10 with 50,000 images, the smallest that paper prints."""


class _BankHead(nn.Module):
    """Cosines between the features at 1/8 resolution and those of a bank float `[K, D]`, as a 1x1 convolution."""

    weight: Tensor

    def __init__(self, bank: Tensor, neighbours: int) -> None:
        super().__init__()
        self.register_buffer("weight", F.normalize(bank)[:, :, None, None].contiguous())
        self.neighbours = min(neighbours, len(bank))

    def nearest(self, features: NetOutput) -> tuple[Tensor, Tensor]:
        """Return the largest cosines `[B, k, h/2, w/2]`, falling, and the numbers of their pixels in the bank."""
        x = halve(features.detail)
        norm = x.square().sum(dim=1, keepdim=True).clamp_min(1e-12).sqrt()
        values, numbers = F.conv2d(x / norm, self.weight).topk(self.neighbours, dim=1)
        return values, numbers


class KnnDensityHead(_BankHead):
    """Minus the mean weight of the k nearest pixels."""

    def __init__(self, bank: Tensor, neighbours: int = DENSITY_NEIGHBOURS) -> None:
        super().__init__(bank, neighbours)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [-1, 0]."""
        return upsample(-torch.exp(self.nearest(features)[0] - 1).mean(dim=1, keepdim=True), 2).squeeze(1)


class KnnClassDensityHead(_BankHead):
    """One minus the share of the weight of the k nearest pixels that lies on those of the predicted class.

    `classes` are the predicted classes `[K]` of the pixels of the bank.
    """

    classes: Tensor

    def __init__(self, bank: Tensor, classes: Tensor, neighbours: int = CLASS_NEIGHBOURS) -> None:
        super().__init__(bank, neighbours)
        self.register_buffer("classes", classes.float())

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 1]."""
        values, numbers = self.nearest(features)
        predicted = halve(logits).argmax(dim=1, keepdim=True).float()
        weights = torch.exp(values - 1)
        same = weights * (self.classes[numbers] == predicted).float()
        share = same.sum(dim=1, keepdim=True) / weights.sum(dim=1, keepdim=True)
        return upsample(1 - share, 2).squeeze(1)


class DeepKnnHead(_BankHead):
    """Distance to the k-th nearest pixel between features of unit length."""

    def __init__(self, bank: Tensor, neighbours: int = DEEP_NEIGHBOURS) -> None:
        super().__init__(bank, neighbours)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 2]."""
        farthest = self.nearest(features)[0][:, -1:]
        return upsample((2 - 2 * farthest).clamp_min(0).sqrt(), 2).squeeze(1)
