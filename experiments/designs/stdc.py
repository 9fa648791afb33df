"""STDC1-Seg (Fan et al., Rethinking BiSeNet For Real-time Semantic Segmentation, 2021).

An encoder of short-term dense concatenation modules and the decoder of BiSeNet: attention refines 1/32 and 1/16,
feature fusion adds 1/8. Depths and widths are those of STDC1. Simplified: no detail loss and no auxiliary loss; the
gates on pooled features, one value a channel, have no batch normalisation, which could not learn from one image. The
paper classifies at 1/8, here `FineDecoder` goes on to 1/4.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from experiments.designs.fine_decoder import DETAIL, FineDecoder
from fishy_ros.training.nets.blocks import ConvNormAct, upsample
from fishy_ros.training.nets.network import NetOutput, Network

CONTEXT: int = 128
SEMANTIC: int = 256


class ConcatenationModule(nn.Module):
    """Four convolutions of 1/2, 1/4, 1/8 and 1/8 of the width, each after the other; their outputs side by side.

    With a stride of 2 a depthwise convolution halves the resolution before the second one.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        self.first = ConvNormAct(inputs, half, kernel=1)
        self.shrink: nn.Module = nn.Identity()
        self.pool: nn.Module = nn.Identity()
        if stride != 1:
            self.shrink = nn.Sequential(
                nn.Conv2d(half, half, 3, stride, 1, groups=half, bias=False), nn.BatchNorm2d(half)
            )
            self.pool = nn.AvgPool2d(3, stride, 1)
        widths = (half, outputs // 4, outputs // 8, outputs // 8)
        self.rest = nn.ModuleList(ConvNormAct(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, inputs, H, W]` to `[B, outputs, H/stride, W/stride]`."""
        first = self.first(x)
        parts, x = [self.pool(first)], self.shrink(first)
        for layer in self.rest:
            x = layer(x)
            parts.append(x)
        return torch.cat(parts, dim=1)


class Gate(nn.Module):
    """Weigh channels by what the whole image holds."""

    def __init__(self, channels: int, width: int | None = None) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Sigmoid())
        if width is not None:
            self.layers = nn.Sequential(
                nn.Conv2d(channels, width, 1), nn.ReLU(), nn.Conv2d(width, channels, 1), nn.Sigmoid()
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the weights `[B, C, 1, 1]` of `[B, C, H, W]`."""
        return self.layers(x.mean(dim=(2, 3), keepdim=True))


class AttentionRefinement(nn.Module):
    """Convolve and weigh the channels (BiSeNet, figure 2b)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = ConvNormAct(inputs, outputs)
        self.gate = Gate(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, inputs, H, W]` to `[B, outputs, H, W]`."""
        x = self.convolution(x)
        return x * self.gate(x)


class StdcNet(Network):
    """STDC1 with its segmentation decoder; the input's sides are multiples of 32."""

    def __init__(self, classes: int = 19) -> None:
        super().__init__(classes, SEMANTIC, DETAIL)
        self.stem = nn.Sequential(ConvNormAct(3, 32, stride=2), ConvNormAct(32, 64, stride=2))
        self.stage8 = _stage(64, 256)
        self.stage16 = _stage(256, 512)
        self.stage32 = _stage(512, 1024)
        self.whole = nn.Sequential(nn.Conv2d(1024, CONTEXT, 1), nn.ReLU())
        self.refine32 = AttentionRefinement(1024, CONTEXT)
        self.refine16 = AttentionRefinement(512, CONTEXT)
        self.smooth32 = ConvNormAct(CONTEXT, CONTEXT)
        self.smooth16 = ConvNormAct(CONTEXT, CONTEXT)
        self.fuse = ConvNormAct(256 + CONTEXT, SEMANTIC, kernel=1)
        self.fuse_gate = Gate(SEMANTIC, SEMANTIC // 4)
        self.head = ConvNormAct(SEMANTIC, SEMANTIC)
        self.fine = FineDecoder(64, SEMANTIC, classes)

    def segment(self, image: Tensor) -> NetOutput:
        """Climb down to 1/32 and up again."""
        x4 = self.stem(image)
        x8 = self.stage8(x4)
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        context = self.refine32(x32) + self.whole(x32.mean(dim=(2, 3), keepdim=True))
        context = self.refine16(x16) + self.smooth32(upsample(context, 2))
        context = self.smooth16(upsample(context, 2))
        fused = self.fuse(torch.cat([x8, context], dim=1))
        return self.fine(x4, self.head(fused * (1 + self.fuse_gate(fused))))


def _stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ConcatenationModule(inputs, outputs, 2), ConcatenationModule(outputs, outputs, 1))
