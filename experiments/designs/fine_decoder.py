"""From features at 1/8 to features and logits at 1/4: the last step of designs whose papers stop at 1/8."""

from __future__ import annotations

from torch import Tensor, nn

from fishy_ros.training.nets.blocks import ConvNormAct, upsample
from fishy_ros.training.nets.network import NetOutput

DETAIL: int = 40
"""Channels of the fine features, as many as FishyNet `s` has."""


class FineDecoder(nn.Module):
    """Join decoder features with the encoder's at 1/4, and classify there.

    The last step of FishyNet's decoder. Heads look for objects of 10 px, which are one pixel at 1/8; with the same step
    behind them, designs differ in what lies before it alone.
    """

    def __init__(self, fine: int, semantic: int, classes: int, detail: int = DETAIL) -> None:
        super().__init__()
        self.lateral = ConvNormAct(fine, detail, kernel=1)
        self.to_detail = ConvNormAct(semantic, detail, kernel=1)
        self.smooth = ConvNormAct(detail, detail)
        self.classifier = nn.Conv2d(detail, classes, 1)

    def forward(self, fine: Tensor, semantic: Tensor) -> NetOutput:
        """Join `[B, fine, H/4, W/4]` of the encoder with `[B, semantic, H/8, W/8]` of the decoder."""
        detail = self.smooth(self.lateral(fine) + upsample(self.to_detail(semantic), 2))
        return NetOutput(self.classifier(detail), semantic, detail)
