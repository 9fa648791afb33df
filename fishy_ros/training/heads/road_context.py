"""Keep what stands on or beside the ground: an option for looking for obstacles only.

In the spirit of COCO-DAG's Variation of Dilation and Erosion, which suppresses what is not on the road, but soft: the
score is lowered by how little ground lies around and below a pixel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.statistics import ground_probability
from fishy_ros.training.nets.blocks import upsample
from fishy_ros.training.nets.network import NetOutput

HALF_WIDTH: int = 6
HEIGHT: int = 8
"""The window reaches this far to both sides, above and below, in px at 1/8 resolution of a street 1024 px wide."""

FLOOR: float = 0.1
"""Where no ground is in sight the score falls by the logarithm of this, and no further."""


class RoadContextHead(nn.Module):
    """Add the logarithm of the share of ground around a pixel to another head's raw score."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        ground = ground_probability(logits)
        # A window's mean is the mean of its rows' means: 30 additions a pixel instead of 221.
        columns = F.avg_pool2d(ground, (2 * HEIGHT + 1, 1), 1, (HEIGHT, 0), count_include_pad=False)
        around = F.avg_pool2d(columns, (1, 2 * HALF_WIDTH + 1), 1, (0, HALF_WIDTH), count_include_pad=False)
        raw: Tensor = self.head(logits, features, image)
        return raw + upsample(torch.log(around + FLOOR), 2).squeeze(1)
