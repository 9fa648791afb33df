"""The first layers of DDRNet, down to 1/8, which PIDNet has taken over."""

from __future__ import annotations

from torch import Tensor, nn

from fishy_ros.training.nets.blocks import ConvNormAct, stage


class SharedEntry(nn.Module):
    """What comes before the branches part: two strided convolutions, and residual blocks at 1/4 and 1/8."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvNormAct(3, width, stride=2), ConvNormAct(width, width, stride=2))
        self.stage4 = stage(width, width, 2, stride=1)
        self.stage8 = stage(width, 2 * width, 2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map `[B, 3, H, W]` to `[B, width, H/4, W/4]` and `[B, 2 width, H/8, W/8]`."""
        x4 = self.stage4(self.stem(image))
        return x4, self.stage8(x4)
