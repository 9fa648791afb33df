"""FishyNet: a residual encoder with a light top-down decoder that keeps features sharp at 1/4 resolution."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.nets.blocks import Block, ConvNormAct, PyramidContext, ResidualBlock, stage, upsample
from fishy_ros.training.nets.network import LinearFeatures, NetOutput, Network


@dataclass(frozen=True)
class FishyNetConfig:
    """Widths and depths of the encoder's stages at 1/4, 1/8, 1/16 and 1/32 resolution, and the decoder's widths."""

    stem: int = 24
    widths: tuple[int, int, int, int] = (40, 80, 144, 192)
    depths: tuple[int, int, int, int] = (1, 2, 3, 2)
    semantic: int = 64
    detail: int = 40
    classes: int = 19
    variant: str | None = None
    """One of `VARIANTS`, or None."""

    @property
    def dropout(self) -> float:
        """Chance that a channel at 1/16 and 1/32 is dropped (Fishyscapes, appendix B.3, drops in the middle flow)."""
        return 0.5 if self.variant == "bayesian" else 0.0

    @property
    def has_extra(self) -> bool:
        """Whether there is one more output beside the classes."""
        return self.variant in ("void", "background", "confidence", "pebal")


class FishyNet(Network):
    """Segment an image and give heads the features that they need."""

    def __init__(self, config: FishyNetConfig, block: Block = ResidualBlock) -> None:
        super().__init__(config.classes, config.semantic, config.detail)
        w4, w8, w16, w32 = config.widths
        d4, d8, d16, d32 = config.depths
        self.stem = ConvNormAct(3, config.stem, stride=2)
        self.stage4 = stage(config.stem, w4, d4, block=block)
        self.stage8 = stage(w4, w8, d8, block=block)
        self.stage16 = stage(w8, w16, d16, block=block)
        self.stage32 = stage(w16, w32, d32, block=block)
        self.context = PyramidContext(w32, w32 // 2)
        self.lateral32 = ConvNormAct(w32, config.semantic, kernel=1)
        self.lateral16 = ConvNormAct(w16, config.semantic, kernel=1)
        self.lateral8 = ConvNormAct(w8, config.semantic, kernel=1)
        self.smooth16 = ConvNormAct(config.semantic, config.semantic, activate=False)
        self.smooth8 = ConvNormAct(config.semantic, config.semantic, activate=False)
        self.lateral4 = ConvNormAct(w4, config.detail, kernel=1)
        self.to_detail = ConvNormAct(config.semantic, config.detail, kernel=1)
        self.smooth4 = ConvNormAct(config.detail, config.detail, activate=False)
        self.classifier = nn.Conv2d(config.detail, config.classes, 1)
        self.dropout = nn.Dropout2d(config.dropout)  # holds no weights
        self.extra = nn.Conv2d(config.detail, 1, 1) if config.has_extra else None
        self.variant = config.variant

    def segment(self, image: Tensor) -> NetOutput:
        """Climb down to 1/32 and up again to 1/4."""
        x4 = self.stage4(self.stem(image))
        x8 = self.stage8(x4)
        x16 = self.dropout(self.stage16(x8))
        x32 = self.context(self.dropout(self.stage32(x16)))
        deep = self.smooth16(self.lateral16(x16) + upsample(self.lateral32(x32), 2))
        semantic = self.smooth8(self.lateral8(x8) + upsample(F.relu(deep), 2))
        d8 = F.relu(semantic)
        detail = self.smooth4(self.lateral4(x4) + upsample(self.to_detail(d8), 2))
        d4 = F.relu(detail)
        extra = None if self.extra is None else self.extra(d4)
        return NetOutput(self.classifier(d4), d8, d4, linear=LinearFeatures(deep, semantic, detail), extra=extra)
