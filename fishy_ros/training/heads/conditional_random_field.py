"""`crf`: max softmax of posteriors that a dense conditional random field has smoothed.

Sources: CAOS (Hendrycks et al., 2019), section 4.1, MSP + CRF, with the edges that section names, Gaussian in
position; mean field of Krähenbühl and Koltun, Efficient Inference in Fully Connected CRFs, 2011, algorithm 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.nets.network import NetOutput

SIGMA: float = 3.0
COMPATIBILITY: float = 3.0
"""Of the published code: deviation in px of the score's map, and the weight of the messages."""

ITERATIONS: int = 10
"""The published code runs 100; the marginals stand still after ten."""

REACH: int = 9
"""Messages from farther than three deviations weigh less than 1.2 % of the nearest and are left out."""


class ConditionalRandomFieldHead(nn.Module):
    """One minus the largest of the smoothed posteriors.

    A step of the mean field is a softmax of the logits plus the messages: a Gaussian mean of the other pixels'
    posteriors, with symmetric normalisation. Two depthwise convolutions each, so all of it is in the graph.
    """

    taps: Tensor

    def __init__(self) -> None:
        super().__init__()
        offsets = torch.arange(-REACH, REACH + 1, dtype=torch.float32)
        self.register_buffer("taps", torch.exp(-offsets.square() / (2 * SIGMA**2)).view(1, 1, 1, -1))

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 1]."""
        scale = self._gather(torch.ones_like(logits[:, :1])).rsqrt()
        posteriors = _softmax(logits)
        for _ in range(ITERATIONS):
            posteriors = _softmax(logits + COMPATIBILITY * scale * self._gather(posteriors * scale))
        return 1 - posteriors.amax(dim=1)

    def _gather(self, x: Tensor) -> Tensor:
        """Sum what the other pixels of `[B, C, h, w]` send to each."""
        rows = self.taps.expand(x.shape[1], -1, -1, -1)
        total = F.conv2d(x, rows, padding=(0, REACH), groups=x.shape[1])
        return F.conv2d(total, rows.transpose(2, 3), padding=(REACH, 0), groups=x.shape[1]) - x


def _softmax(logits: Tensor) -> Tensor:
    """Softmax over channels, written out as in `class_statistics`, for the same reason."""
    exponentials = torch.exp(logits - logits.amax(dim=1, keepdim=True))
    return exponentials / exponentials.sum(dim=1, keepdim=True)
