"""Standardised max logits with boundary suppression and dilated smoothing.

Source: Jung et al., Standardized Max Logits: A Simple yet Effective Approach for Identifying Unexpected Road Obstacles
in Urban-Scene Segmentation, 2021, sections 3.2 to 3.4. The paper grows boundaries over several radii and smooths with a
dilated Gaussian; here one radius of 4 px at 1/4 resolution is suppressed and the Gaussian is the paper's 7 x 7.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.nets.network import NetOutput

BOUNDARY_RADIUS: int = 2
SMOOTHING_SIDE: int = 7
SMOOTHING_DILATION: int = 2


class StandardizedMaxLogitsHead(nn.Module):
    """Minus the largest logit in standard deviations from its mean for the predicted class.

    `mean` and `std` are float `[C]`: statistics of the largest logit of each predicted class on training images.
    """

    mean: Tensor
    inverse_std: Tensor
    kernel: Tensor

    def __init__(self, mean: Tensor, std: Tensor, smooth: bool = True) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.register_buffer("inverse_std", 1 / std)
        self.smooth = smooth
        axis = torch.arange(SMOOTHING_SIDE) - SMOOTHING_SIDE // 2
        gaussian = torch.exp(-(axis**2) / 2.0)
        kernel = torch.outer(gaussian, gaussian)
        self.register_buffer("kernel", (kernel / kernel.sum())[None, None])

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        largest = logits.amax(dim=1, keepdim=True)
        winner = (logits >= largest).to(logits.dtype)
        mean = F.conv2d(winner, self.mean.view(1, -1, 1, 1))
        scale = F.conv2d(winner, self.inverse_std.view(1, -1, 1, 1))
        score = (mean - largest) * scale
        if not self.smooth:
            return score.squeeze(1)
        return self._smooth(self._suppress_boundaries(score, winner)).squeeze(1)

    def _suppress_boundaries(self, score: Tensor, winner: Tensor) -> Tensor:
        """Replace the score near class boundaries by the mean of the scores around that are not near one."""
        side = 2 * BOUNDARY_RADIUS + 1
        eroded = -F.max_pool2d(-winner, side, 1, BOUNDARY_RADIUS)
        inner = eroded.amax(dim=1, keepdim=True)
        total = F.avg_pool2d(score * inner, side, 1, BOUNDARY_RADIUS)
        share = F.avg_pool2d(inner, side, 1, BOUNDARY_RADIUS)
        around = total / share.clamp_min(1e-4)
        known = (share > 0).to(score.dtype)
        return inner * score + (1 - inner) * (known * around + (1 - known) * score)

    def _smooth(self, score: Tensor) -> Tensor:
        padding = SMOOTHING_DILATION * (SMOOTHING_SIDE // 2)
        padded = F.pad(score, (padding, padding, padding, padding), mode="replicate")
        return F.conv2d(padded, self.kernel, dilation=SMOOTHING_DILATION)
