"""FishyNet: a residual encoder with a light top-down decoder that keeps features sharp at 1/4 resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.nets.blocks import ConvNormAct, PyramidContext, ResidualBlock


@dataclass(frozen=True)
class FishyNetConfig:
    """Widths and depths of the encoder's stages at 1/4, 1/8, 1/16 and 1/32 resolution, and the decoder's widths."""

    stem: int = 24
    widths: tuple[int, int, int, int] = (40, 80, 144, 192)
    depths: tuple[int, int, int, int] = (1, 2, 3, 2)
    semantic: int = 64
    detail: int = 40
    classes: int = 19


SIZES: dict[str, FishyNetConfig] = {
    "s": FishyNetConfig(),
    "m": FishyNetConfig(stem=32, widths=(64, 128, 256, 320), depths=(2, 3, 4, 3), semantic=128, detail=64),
}
"""Named sizes: `s` for CPUs and small Jetsons at 512x1024, `m` for GPUs at 1024x2048."""


class NetOutput(NamedTuple):
    """What the network hands to its heads."""

    logits: Tensor
    """Class logits, float `[B, classes, H/4, W/4]`."""
    semantic: Tensor
    """Decoder features, float `[B, semantic, H/8, W/8]`."""
    detail: Tensor
    """Fine decoder features, float `[B, detail, H/4, W/4]`."""


class FishyNet(nn.Module):
    """Segment an image and give heads the features that they need.

    The input is float `[B, 3, H, W]`, normalised, H and W multiples of 32.
    """

    def __init__(self, config: FishyNetConfig) -> None:
        super().__init__()
        self.config = config
        w4, w8, w16, w32 = config.widths
        d4, d8, d16, d32 = config.depths
        self.stem = ConvNormAct(3, config.stem, stride=2)
        self.stage4 = _stage(config.stem, w4, d4)
        self.stage8 = _stage(w4, w8, d8)
        self.stage16 = _stage(w8, w16, d16)
        self.stage32 = _stage(w16, w32, d32)
        self.context = PyramidContext(w32, w32 // 2)
        self.lateral32 = ConvNormAct(w32, config.semantic, kernel=1)
        self.lateral16 = ConvNormAct(w16, config.semantic, kernel=1)
        self.lateral8 = ConvNormAct(w8, config.semantic, kernel=1)
        self.smooth16 = ConvNormAct(config.semantic, config.semantic)
        self.smooth8 = ConvNormAct(config.semantic, config.semantic)
        self.lateral4 = ConvNormAct(w4, config.detail, kernel=1)
        self.to_detail = ConvNormAct(config.semantic, config.detail, kernel=1)
        self.smooth4 = ConvNormAct(config.detail, config.detail)
        self.classifier = nn.Conv2d(config.detail, config.classes, 1)

    def forward(self, image: Tensor) -> NetOutput:
        """Map a normalised image `[B, 3, H, W]` to logits and features."""
        x4 = self.stage4(self.stem(image))
        x8 = self.stage8(x4)
        x16 = self.stage16(x8)
        x32 = self.context(self.stage32(x16))
        d16 = self.smooth16(self.lateral16(x16) + upsample(self.lateral32(x32), 2))
        d8 = self.smooth8(self.lateral8(x8) + upsample(d16, 2))
        d4 = self.smooth4(self.lateral4(x4) + upsample(self.to_detail(d8), 2))
        return NetOutput(self.classifier(d4), d8, d4)


def upsample(x: Tensor, factor: int) -> Tensor:
    """Enlarge `[B, C, H, W]` by a whole factor, bilinear, half-pixel centres."""
    return F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)


def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    first = ResidualBlock(inputs, outputs, stride=2)
    return nn.Sequential(first, *(ResidualBlock(outputs, outputs) for _ in range(depth - 1)))
