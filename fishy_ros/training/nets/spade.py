"""Spatially adaptive normalisation (Park et al., Semantic Image Synthesis with SPADE, CVPR 2019, equations 1 and 2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Spade(nn.Module):
    """Normalise features, then scale and shift every pixel by what a map of classes says of it."""

    def __init__(self, channels: int, classes: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.shared = nn.Conv2d(classes, hidden, 3, padding=1)
        self.scale = nn.Conv2d(hidden, channels, 3, padding=1)
        self.shift = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """Map `[B, channels, h, w]` and class shares `[B, classes, h, w]` to the shape of the former."""
        hidden = F.relu(self.shared(classes))
        modulated: Tensor = self.norm(x) * (1 + self.scale(hidden)) + self.shift(hidden)
        return modulated
