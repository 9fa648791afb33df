"""`sml`: standardised max logits (Jung et al., Standardized Max Logits, ICCV 2021, section 3.2, equation 5).

The paper's whole chain is `sml+boundaries+gaussian` (sections 3.3 and 3.4).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.nets.network import NetOutput


class StandardizedMaxLogitsHead(nn.Module):
    """Minus the largest logit in standard deviations from its mean for the predicted class.

    `mean` and `std` are float `[C]`: statistics of the largest logit of each predicted class on training images. Where
    several classes tie, the mean of their moments counts.
    """

    mean: Tensor
    inverse_std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.view(1, -1, 1, 1).clone())
        self.register_buffer("inverse_std", 1 / std.view(1, -1, 1, 1))

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        largest = logits.amax(dim=1, keepdim=True)
        winner = (logits >= largest).to(logits.dtype)
        # Both moments in one convolution; ties are rare but, added up, would be the highest scores of a frame.
        moments = F.conv2d(winner, torch.cat([self.mean, self.inverse_std]))
        moments = moments / winner.sum(dim=1, keepdim=True)
        return ((moments[:, :1] - largest) * moments[:, 1:]).squeeze(1)
