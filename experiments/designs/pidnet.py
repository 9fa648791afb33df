"""PIDNet-S (Xu et al., PIDNet: A Real-time Semantic Segmentation Network Inspired by PID Controllers, 2023).

Three branches: detail at 1/8 (P), context down to 1/64 (I) and boundaries at 1/8 (D). Depths and widths of the S model.
Simplified: no boundary loss and no auxiliary loss, so that nothing but the segmentation teaches branch D what a
boundary is; the pyramid is `PyramidContext` instead of PAPPM; shortcuts with a stride average before they project;
every block ends in a ReLU. The paper classifies at 1/8, here `FineDecoder` goes on to 1/4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from experiments.designs.fine_decoder import DETAIL, FineDecoder
from experiments.designs.shared_entry import SharedEntry
from fishy_ros.training.nets.blocks import (
    BottleneckBlock,
    ConvNormAct,
    PyramidContext,
    ResidualBlock,
    stage,
    upsample,
)
from fishy_ros.training.nets.network import NetOutput, Network

WIDTH: int = 32
CONTEXT: int = 96
SEMANTIC: int = 128


class PixelAttention(nn.Module):
    """Let every pixel choose between detail and context by how alike they are (the paper's Pag)."""

    def __init__(self, detail: int, context: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.compress = ConvNormAct(context, detail, kernel=1, activate=False)
        self.query = ConvNormAct(detail, detail // 2, kernel=1, activate=False)
        self.key = ConvNormAct(detail, detail // 2, kernel=1, activate=False)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        """Mix `[B, detail, h, w]` with `[B, context, h/factor, w/factor]`."""
        coarse = self.compress(context)
        alike = (self.query(detail) * upsample(self.key(coarse), self.factor)).sum(dim=1, keepdim=True)
        share = torch.sigmoid(alike)
        return (1 - share) * detail + share * upsample(coarse, self.factor)


class BoundaryAttention(nn.Module):
    """Take detail where a boundary is and context elsewhere (the paper's light Bag)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.of_detail = ConvNormAct(channels, channels, kernel=1, activate=False)
        self.of_context = ConvNormAct(channels, channels, kernel=1, activate=False)

    def forward(self, detail: Tensor, context: Tensor, boundary: Tensor) -> Tensor:
        """Join three times `[B, C, h, w]`."""
        edge = torch.sigmoid(boundary)
        return self.of_detail(detail + (1 - edge) * context) + self.of_context(context + edge * detail)


class PidNet(Network):
    """The small variant; the input's sides are multiples of 64."""

    multiple = 64

    def __init__(self, classes: int = 19) -> None:
        super().__init__(classes, SEMANTIC, DETAIL)
        w = WIDTH
        self.entry = SharedEntry(w)
        self.context16 = stage(2 * w, 4 * w, 3)
        self.context32 = stage(4 * w, 8 * w, 3)
        self.context64 = nn.Sequential(
            BottleneckBlock(8 * w, 8 * w, stride=2),
            BottleneckBlock(16 * w, 8 * w),
            PyramidContext(16 * w, CONTEXT),
            ConvNormAct(16 * w, 4 * w, kernel=1, activate=False),
        )
        self.detail3 = stage(2 * w, 2 * w, 2, stride=1)
        self.detail4 = stage(2 * w, 2 * w, 2, stride=1)
        self.detail5 = BottleneckBlock(2 * w, 2 * w)
        self.attention3 = PixelAttention(2 * w, 4 * w, 2)
        self.attention4 = PixelAttention(2 * w, 8 * w, 4)
        self.boundary3 = ResidualBlock(2 * w, w)
        self.boundary4 = BottleneckBlock(w, w)
        self.boundary5 = BottleneckBlock(2 * w, 2 * w)
        self.difference3 = ConvNormAct(4 * w, w, activate=False)
        self.difference4 = ConvNormAct(8 * w, 2 * w, activate=False)
        self.join = BoundaryAttention(4 * w)
        self.head = nn.Sequential(nn.ReLU(), ConvNormAct(4 * w, SEMANTIC))
        self.fine = FineDecoder(w, SEMANTIC, classes)

    def segment(self, image: Tensor) -> NetOutput:
        """Carry three branches side by side and join them at 1/8."""
        x4, x8 = self.entry(image)
        x16 = self.context16(x8)
        x32 = self.context32(x16)
        detail = self.attention3(self.detail3(x8), x16).relu()
        detail = self.attention4(self.detail4(detail), x32).relu()
        boundary = (self.boundary3(x8) + upsample(self.difference3(x16), 2)).relu()
        boundary = (self.boundary4(boundary) + upsample(self.difference4(x32), 4)).relu()
        context = upsample(self.context64(x32), 8)
        joined = self.join(self.detail5(detail), context, self.boundary5(boundary))
        return self.fine(x4, self.head(joined))
