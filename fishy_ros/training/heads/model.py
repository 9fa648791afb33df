"""AnomalyModel: normalisation, network and learned head in one trainable module."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fishy_ros.training.heads.dissimilarity import DissimilarityHead
from fishy_ros.training.nets.blocks import ZeroConv
from fishy_ros.training.nets.network import NetOutput
from fishy_ros.training.nets.registry import create_network

MEAN_BGR: tuple[float, float, float] = (104.0, 108.0, 104.0)
STD_BGR: tuple[float, float, float] = (62.0, 62.0, 64.0)
"""Rounded statistics of the training images, in grey levels 0 to 255."""


class ModelOutput(NamedTuple):
    """Everything that losses, heads and export read."""

    net: NetOutput
    outlier: Tensor
    """Logit of being an outlier, float `[B, H/4, W/4]`."""


class AnomalyModel(nn.Module):
    """Map BGR images float `[B, 3, H, W]` in 0..255 to class logits and an outlier logit."""

    mean: Tensor
    std: Tensor

    def __init__(self, size: str) -> None:
        """Build the network that `NETWORKS` calls `size`, and the learned head, both untrained.

        Raises:
            ConfigError: no network has that name.
        """
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.tensor(MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD_BGR).view(1, 3, 1, 1), persistent=False)
        self.net = create_network(size)
        self.head = DissimilarityHead(self.net.classes, self.net.semantic, self.net.detail)

    def normalise(self, image: Tensor) -> Tensor:
        """Bring grey levels 0..255 to about zero mean and unit variance."""
        return (image - self.mean) / self.std

    def forward(self, image: Tensor) -> ModelOutput:
        """Run network and head on `[B, 3, H, W]`, H and W multiples of `net.multiple`."""
        net = self.net(self.normalise(image))
        return ModelOutput(net, self.head(net.logits, net, image))


def initialise(module: nn.Module, seed: int) -> None:
    """Draw weights from one seed (He et al., Delving Deep into Rectifiers, 2015); what starts at zero stays zero."""
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, ZeroConv):
            layer.reset_parameters()
        elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def count_parameters(module: nn.Module) -> int:
    """Count the parameters of a module."""
    return sum(p.numel() for p in module.parameters())
