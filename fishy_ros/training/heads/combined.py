"""Sums of the learned outlier score and scores of the logits."""

from __future__ import annotations

from torch import Tensor, nn

from fishy_ros.training.nets.network import NetOutput


class WeightedSumHead(nn.Module):
    """A weighted sum of raw scores of other heads."""

    def __init__(self, heads: list[nn.Module], weights: list[float]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.weights = weights

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        total = self.weights[0] * self.heads[0](logits, features, image)
        for head, weight in zip(list(self.heads)[1:], self.weights[1:], strict=True):
            total = total + weight * head(logits, features, image)
        return total


class SmoothedHead(nn.Module):
    """Another head's score averaged over a square of `side` px at 1/4 resolution."""

    def __init__(self, head: nn.Module, side: int) -> None:
        super().__init__()
        self.head = head
        self.pool = nn.AvgPool2d(side, 1, side // 2, count_include_pad=False)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        return self.pool(self.head(logits, features, image)[:, None]).squeeze(1)
