"""`+gaussian`: dilated smoothing (Jung et al., Standardized Max Logits, ICCV 2021, section 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.boundary_suppression import STRIDE
from fishy_ros.training.nets.blocks import repeat_border, upsample
from fishy_ros.training.nets.network import NetOutput

SIDE: int = 7
SIGMA: float = 1.0
DILATION: int = 6
"""Taps and the distance between them in px of the image, and the deviation in taps: the paper's."""


class DilatedGaussian(nn.Module):
    """Another head's score, smoothed at the size of the image and averaged back to every fourth pixel."""

    kernel: Tensor

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head
        taps = torch.exp(-((torch.arange(SIDE) - SIDE // 2) ** 2) / (2 * SIGMA**2))
        self.register_buffer("kernel", (taps / taps.sum()).view(1, 1, 1, SIDE))

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        raw: Tensor = self.head(logits, features, image)
        return F.avg_pool2d(self.smooth(upsample(raw[:, None], STRIDE)), STRIDE).squeeze(1)

    def smooth(self, score: Tensor) -> Tensor:
        """Convolve `[B, 1, H, W]` with the Gaussian, one axis after the other; borders repeat."""
        reach = DILATION * (SIDE // 2)
        rows = F.conv2d(repeat_border(score, reach), self.kernel, dilation=DILATION)
        return F.conv2d(rows, self.kernel.transpose(2, 3), dilation=DILATION)
