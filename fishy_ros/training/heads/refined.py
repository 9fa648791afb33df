"""The learned head of a cascade: the backbone's dissimilarity, refined by what the full size shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fishy_ros.errors import ConfigError
from fishy_ros.training.heads.dissimilarity import FINE, DissimilarityHead
from fishy_ros.training.nets.blocks import ConvNormAct, ZeroConv, upsample
from fishy_ros.training.nets.network import NetOutput

if TYPE_CHECKING:
    from typing_extensions import Self


class RefinedHead(nn.Module):
    """Score `[B, h, w]` at 1/4 of the full size: that of `backbone`, enlarged, plus a refinement that starts at zero.

    `backbone` is the learned head of the cascade's backbone and frozen like it; the refinement reads the last
    features of that head beside the fine features of the image.
    """

    def __init__(self, backbone: DissimilarityHead, detail: int) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.from_detail = ConvNormAct(detail, FINE, activate=False)
        self.from_evidence = nn.Conv2d(FINE, FINE, 1)
        self.activation = nn.ReLU(inplace=True)
        self.score = ZeroConv(FINE, 1)

    def train(self, mode: bool = True) -> Self:
        """Switch the refinement between training and evaluation; the backbone's head stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Add to the backbone's score; logits and image are not read.

        Raises:
            ConfigError: the features come from a network that is no cascade.
        """
        if features.coarse is None:
            raise ConfigError("a refined head: expected the features of a cascade, found those of a single network")
        with torch.no_grad():
            evidence = self.backbone.evidence(features.coarse.logits, features.coarse)
            known = self.backbone.score(evidence)
        fine = self.from_detail(features.detail) + upsample(self.from_evidence(evidence), 2)
        return (upsample(known, 2) + self.score(self.activation(fine))).squeeze(1)
