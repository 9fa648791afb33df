"""CascadeNet: a trained network reads the image at half its size, a light branch refines its output at full size.

In the spirit of ICNet (Zhao et al., ICNet for Real-Time Semantic Segmentation on High-Resolution Images, 2018): what
needs context is computed where it is cheap, what needs pixels stays light. Unlike there, the deep part is a network
that was trained before, and the branch only adds to its output.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.nets.blocks import ConvNormAct, ZeroConv, upsample
from fishy_ros.training.nets.fishy_net import FishyNet, FishyNetConfig
from fishy_ros.training.nets.network import LinearFeatures, NetOutput, Network

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class CascadeConfig:
    """The network inside, and the widths of the branch at 1/2 and 1/4 of the full resolution."""

    backbone: FishyNetConfig = field(default_factory=FishyNetConfig)
    stem: int = 24
    detail: int = 32


class CascadeNet(Network):
    """Segment an image with `backbone` at half its size, and refine the outcome with what the full size shows.

    The backbone is frozen: no gradient is computed in it, and its normalisations keep their statistics in training
    mode, too. The refinement of the logits starts at zero: an untrained cascade gives exactly its backbone's logits.

    Of the output, `semantic` are the backbone's fine features, which lie at 1/8 of the full size, and `coarse` is the
    whole output of the backbone.
    """

    multiple = 64

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__(config.backbone.classes, config.backbone.detail, config.detail)
        self.backbone = FishyNet(config.backbone).requires_grad_(False)
        self.stem = ConvNormAct(3, config.stem, stride=2)
        self.stem4 = ConvNormAct(config.stem, config.detail, stride=2)
        self.lateral4 = ConvNormAct(config.detail, config.detail, activate=False)
        self.from_backbone = ConvNormAct(config.backbone.detail, config.detail, kernel=1, activate=False)
        self.activation = nn.ReLU(inplace=True)
        self.smooth4 = ConvNormAct(config.detail, config.detail, activate=False)
        self.classifier = ZeroConv(config.detail, config.backbone.classes)

    def train(self, mode: bool = True) -> Self:
        """Switch the branch between training and evaluation; the backbone stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def segment(self, image: Tensor) -> NetOutput:
        """Ask the backbone, then refine its output."""
        with torch.no_grad():
            coarse = self.backbone(F.avg_pool2d(image, 2))
        fine = self.lateral4(self.stem4(self.stem(image))) + upsample(self.from_backbone(coarse.detail), 2)
        linear = self.smooth4(self.activation(fine))
        detail = F.relu(linear)
        logits = upsample(coarse.logits, 2) + self.classifier(detail)
        inner = coarse.linear
        taps = None if inner is None else LinearFeatures(inner.semantic, inner.detail, linear)
        return NetOutput(logits, coarse.detail, detail, coarse, taps)
