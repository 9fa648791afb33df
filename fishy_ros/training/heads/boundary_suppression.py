"""`+boundaries`: iterative boundary suppression (Jung et al., Standardized Max Logits, ICCV 2021, section 3.3).

Scores at boundaries of predicted classes are replaced, from the outside in, by means of what lies off the boundary.
The paper works at the size of its image; so does this: the score is enlarged, treated, and averaged back.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.nets.blocks import repeat_border, upsample
from fishy_ros.training.nets.network import NetOutput

RADII: tuple[int, ...] = (3, 2, 1, 0)
"""How far boundaries are widened in each iteration, in px of the image (L1): width 4, 4 iterations in the paper."""

STRIDE: int = 4
"""Scores are given at every fourth pixel of the image."""


class BoundarySuppression(nn.Module):
    """Another head's score without what class boundaries alone raise."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        raw: Tensor = self.head(logits, features, image)
        labels = upsample(logits, STRIDE).argmax(dim=1, keepdim=True).to(raw.dtype)
        return F.avg_pool2d(suppress_boundaries(upsample(raw[:, None], STRIDE), labels), STRIDE).squeeze(1)


def suppress_boundaries(score: Tensor, labels: Tensor) -> Tensor:
    """Replace boundary scores of `score` `[B, 1, H, W]` by the means of their 3x3 neighbours off the boundary.

    `labels` are class ids `[B, 1, H, W]` in the type of the score. A pixel without such a neighbour keeps its score in
    that iteration; the next one, with a narrower boundary, may reach it.
    """
    boundary = (_grow(labels) != -F.max_pool2d(-labels, 3, 1, 1)).to(score.dtype)
    widened = [boundary]
    for _ in range(max(RADII)):
        widened.append(_grow(widened[-1]))
    for radius in RADII:
        inner = 1 - widened[radius]
        total = F.avg_pool2d(_pad(score * inner), 3, 1)
        share = F.avg_pool2d(_pad(inner), 3, 1)
        # Only boundary pixels with a neighbour off the boundary change; the clamp keeps the others finite.
        changed = widened[radius] * (share > 0).to(score.dtype)
        score = (1 - changed) * score + changed * total / share.clamp_min(1 / 18)
    return score


def _grow(x: Tensor) -> Tensor:
    """Take the largest of each pixel and its four neighbours."""
    return torch.maximum(F.max_pool2d(x, (3, 1), 1, (1, 0)), F.max_pool2d(x, (1, 3), 1, (0, 1)))


def _pad(x: Tensor) -> Tensor:
    return repeat_border(x, 1)
