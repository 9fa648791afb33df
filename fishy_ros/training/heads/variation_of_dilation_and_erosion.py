"""`+vde`: the road mask of COCO-DAG's Variation of Dilation and Erosion (section 3.3.2), around any score.

Road is where the network says road and its standardised max logit is sure of it. Dilation with updates in place, and
erosion of every row from both sides to its first road pixel, together fill each row from its first to its last road
pixel. What lies outside is no obstacle: its score is lowered. `+ground_rows` is this project's wider form.
"""

from __future__ import annotations

from torch import Tensor, nn

from fishy_ros.training.heads.road_rows import SUPPRESSION, fill_rows
from fishy_ros.training.heads.spec import Statistics
from fishy_ros.training.heads.standardized_max_logits import StandardizedMaxLogitsHead
from fishy_ros.training.nets.network import NetOutput

ROAD: int = 0
"""Train id of the road."""

SURE: float = 1.0
"""Road counts as sure where its max logit lies at most so many deviations below the mean; the paper says "high"."""


class VariationOfDilationAndErosion(nn.Module):
    """Lower another head's raw score by a constant outside the filled road."""

    def __init__(self, head: nn.Module, statistics: Statistics) -> None:
        super().__init__()
        self.head = head
        moments = statistics.of("class_moments")
        self.sml = StandardizedMaxLogitsHead(moments["max_logit_mean"], moments["max_logit_std"])

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        is_road = logits[:, ROAD : ROAD + 1] >= logits.amax(dim=1, keepdim=True)
        is_sure = self.sml(logits, features, image)[:, None] < SURE
        road = fill_rows((is_road & is_sure).to(logits.dtype))
        raw: Tensor = self.head(logits, features, image)
        return raw - SUPPRESSION * (1 - road.squeeze(1))
