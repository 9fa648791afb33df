"""DDRNet-23-slim (Hong et al., Deep Dual-resolution Networks for Real-time and Accurate Segmentation, 2021).

Two branches, one at 1/8 and one down to 1/64, that exchange features twice. Depths and widths are those of the paper.
Simplified: the pyramid at the end has two windows, the pixel and the whole image instead of three windows and both
(`PyramidContext`); shortcuts with a stride average before they project; every block ends in a ReLU; no auxiliary loss.
The paper classifies at 1/8, here `FineDecoder` goes on to 1/4.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from experiments.designs.fine_decoder import DETAIL, FineDecoder
from experiments.designs.shared_entry import SharedEntry
from fishy_ros.training.nets.blocks import BottleneckBlock, ConvNormAct, PyramidContext, stage, upsample
from fishy_ros.training.nets.network import NetOutput, Network

WIDTH: int = 32
CONTEXT: int = 128
SEMANTIC: int = 64


class BilateralFusion(nn.Module):
    """Add each branch to the other; `halvings` lie between their resolutions."""

    def __init__(self, high: int, low: int, halvings: int) -> None:
        super().__init__()
        self.factor = 2**halvings
        self.up = ConvNormAct(low, high, kernel=1, activate=False)
        widths = [low >> (halvings - step) for step in range(1, halvings + 1)]
        self.down = nn.Sequential(
            *(
                ConvNormAct(inputs, outputs, stride=2, activate=outputs != low)
                for inputs, outputs in pairwise([high, *widths])
            )
        )
        self.activation = nn.ReLU()

    def forward(self, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse `[B, high, h, w]` and `[B, low, h/factor, w/factor]`; both keep their shapes."""
        to_high, to_low = upsample(self.up(low), self.factor), self.down(high)
        return self.activation(high + to_high), self.activation(low + to_low)


class DdrNet(Network):
    """The slim variant; the input's sides are multiples of 64."""

    multiple = 64

    def __init__(self, classes: int = 19) -> None:
        super().__init__(classes, SEMANTIC, DETAIL)
        w = WIDTH
        self.entry = SharedEntry(w)
        self.high3 = stage(2 * w, 2 * w, 2, stride=1)
        self.low3 = stage(2 * w, 4 * w, 2)
        self.fusion3 = BilateralFusion(2 * w, 4 * w, 1)
        self.high4 = stage(2 * w, 2 * w, 2, stride=1)
        self.low4 = stage(4 * w, 8 * w, 2)
        self.fusion4 = BilateralFusion(2 * w, 8 * w, 2)
        self.high5 = BottleneckBlock(2 * w, 2 * w)
        self.low5 = nn.Sequential(
            BottleneckBlock(8 * w, 8 * w, stride=2),
            PyramidContext(16 * w, CONTEXT),
            ConvNormAct(16 * w, 4 * w, kernel=1, activate=False),
        )
        self.head = ConvNormAct(4 * w, SEMANTIC)
        self.fine = FineDecoder(w, SEMANTIC, classes)

    def segment(self, image: Tensor) -> NetOutput:
        """Carry both branches side by side and join them at 1/8."""
        x4, x8 = self.entry(image)
        high, low = self.fusion3(self.high3(x8), self.low3(x8))
        high, low = self.fusion4(self.high4(high), self.low4(low))
        joined = self.high5(high) + upsample(self.low5(low), 8)
        return self.fine(x4, self.head(joined))
