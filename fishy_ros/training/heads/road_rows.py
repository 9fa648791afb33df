"""Keep what lies on the filled ground and just above it: the sharper option for looking for obstacles only.

After COCO-DAG's Variation of Dilation and Erosion, whose literal form is `+vde`: an object on the road is a hole in the
predicted ground, so each row is filled from its leftmost to its rightmost ground pixel, and what lies outside is
suppressed. Here the ground is road or pavement, and wider. All of it is in the graph.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.statistics import ground_probability
from fishy_ros.training.nets.blocks import upsample
from fishy_ros.training.nets.network import NetOutput

GROUND_PROBABILITY: float = 0.5
"""A pixel counts as ground from this probability of road or pavement on."""

UPWARD: int = 5
SIDEWAYS: int = 1
"""How far the filled ground is widened, in px at 1/8 resolution: upward for what stands on it, and for what is cut by
its edge."""

SUPPRESSION: float = 10.0
"""By how much the raw score falls outside; the learned head's is a logit, which rarely spans more."""


class RoadRowsHead(nn.Module):
    """Lower another head's raw score by a constant wherever `filled_ground` says that no ground is."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        ground = ground_probability(logits)
        near = filled_ground((ground > GROUND_PROBABILITY).to(logits.dtype))
        raw: Tensor = self.head(logits, features, image)
        return raw - SUPPRESSION * (1 - upsample(near, 2).squeeze(1))


def filled_ground(ground: Tensor) -> Tensor:
    """Fill the rows of a mask `[B, 1, h, w]` of zeros and ones (see `fill_rows`), and widen the result.

    `UPWARD` and `SIDEWAYS` say how far it is widened.
    """
    filled = fill_rows(ground)
    # Empty rows below make the window reach upward only; torch's own padding would leave shapes open on export.
    below = (0 * filled[:, :, :1]).expand(-1, -1, UPWARD, -1)
    return F.max_pool2d(torch.cat([filled, below], dim=2), (UPWARD + 1, 2 * SIDEWAYS + 1), 1, (0, SIDEWAYS))


def fill_rows(ground: Tensor) -> Tensor:
    """Fill each row of a mask `[B, 1, h, w]` of zeros and ones from its first to its last one; empty rows stay so."""
    until = ground.cumsum(dim=3)
    onward = ground.sum(dim=3, keepdim=True) - until + ground
    return torch.minimum(until, onward).clamp(0, 1)
