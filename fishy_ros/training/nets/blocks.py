"""Convolution blocks: plain 3x3 arithmetic that every inference engine runs fast."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNormAct(nn.Sequential):
    """Convolve, normalise by batch statistics and rectify; the normalisation folds away on export."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1, activate: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        if activate:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., Deep Residual Learning, 2016, figure 2)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNormAct(inputs, outputs, stride=stride, dilation=dilation),
            ConvNormAct(outputs, outputs, dilation=dilation, activate=False),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride) if stride != 1 else nn.Identity(),
                ConvNormAct(inputs, outputs, kernel=1, activate=False),
            )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, inputs, H, W]` to `[B, outputs, H/stride, W/stride]`."""
        return self.activation(self.body(x) + self.shortcut(x))


Block = Callable[[int, int, int], nn.Module]
"""Builds a block of input channels, output channels and stride."""


class BottleneckBlock(nn.Module):
    """A 3x3 convolution between two of 1x1, around a shortcut (He et al., 2016, figure 5); it doubles the width."""

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        outputs = 2 * width
        self.body = nn.Sequential(
            ConvNormAct(inputs, width, kernel=1),
            ConvNormAct(width, width, stride=stride),
            ConvNormAct(width, outputs, kernel=1, activate=False),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = ConvNormAct(inputs, outputs, kernel=1, stride=stride, activate=False)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, inputs, H, W]` to `[B, 2 width, H/stride, W/stride]`."""
        return self.activation(self.body(x) + self.shortcut(x))


class ZeroConv(nn.Conv2d):
    """A 1x1 convolution that starts at zero: what it is added to stays the same until it has learned something."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weights and bias to zero."""
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class PyramidContext(nn.Module):
    """Add context pooled over growing windows (Hong et al., DDRNet, 2021, deep aggregation pyramid pooling).

    Windows are 5 and 9 pixels of the coarsest features and the whole image; static shapes only.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.local = ConvNormAct(channels, width, kernel=1)
        self.windows = nn.ModuleList(
            nn.Sequential(nn.AvgPool2d(k, 1, k // 2, count_include_pad=False), ConvNormAct(channels, width, kernel=1))
            for k in (5, 9)
        )
        self.whole = nn.Sequential(nn.Conv2d(channels, width, 1), nn.ReLU(inplace=True))
        self.merge = ConvNormAct(4 * width, channels, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, C, H, W]` to the same shape."""
        whole = self.whole(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, x.shape[2], x.shape[3])
        parts = [self.local(x), *(window(x) for window in self.windows), whole]
        return x + self.merge(torch.cat(parts, dim=1))


def stage(inputs: int, outputs: int, depth: int, stride: int = 2, block: Block = ResidualBlock) -> nn.Sequential:
    """Build `depth` blocks, of which the first has the stride."""
    first = block(inputs, outputs, stride)
    return nn.Sequential(first, *(block(outputs, outputs, 1) for _ in range(depth - 1)))


def upsample(x: Tensor, factor: int) -> Tensor:
    """Enlarge `[B, C, H, W]` by a whole factor, bilinear, half-pixel centres."""
    return F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)


def repeat_border(x: Tensor, reach: int) -> Tensor:
    """Widen `[B, C, H, W]` on all sides by `reach` copies of its border; torch's own padding leaves shapes open."""
    for axis in (2, 3):
        size = [reach if each == axis else -1 for each in range(4)]
        first, last = x.narrow(axis, 0, 1), x.narrow(axis, int(x.shape[axis]) - 1, 1)
        x = torch.cat([first.expand(size), x, last.expand(size)], dim=axis)
    return x
