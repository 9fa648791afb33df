"""A RepVGG-A0 encoder (Ding et al., RepVGG: Making VGG-style ConvNets Great Again, 2021) with FishyNet's decoder.

Depths and widths are those of A0 down to 1/16. Simplified: the last stage, 1280 channels wide for the classes
of ImageNet, has 384; the first layer is a single 3x3 convolution, because the backward pass of a strided 1x1 one on
three channels in channels_last order corrupts memory in oneDNN (torch on x86). The paper's own segmentation network is
a PSPNet on dilated stages, which is no real-time design.
"""

from __future__ import annotations

from experiments.designs.reparameterised import RepBlock
from fishy_ros.training.nets.fishy_net import FishyNet, FishyNetConfig

A0 = FishyNetConfig(stem=48, widths=(48, 96, 192, 384), depths=(2, 4, 14, 1))


class RepVggNet(FishyNet):
    """FishyNet with stages of blocks that train as three branches and run as one convolution."""

    def __init__(self) -> None:
        super().__init__(A0, RepBlock)
