"""Scores that join the learned outlier logit with the class logits, and the plain mean filter."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fishy_ros.training.heads.statistics import class_statistics
from fishy_ros.training.nets.network import NetOutput


class DenseHybridHead(nn.Module):
    """ln P(outlier | x) - ln p(x) (Grcic et al., DenseHybrid, ECCV 2022, equation 4), with p(x) by the log-sum-exp.

    P is the sigmoid of the learned outlier logit. The paper also trains the log-sum-exp on outliers; this network's
    was not.
    """

    def __init__(self, outlier: nn.Module) -> None:
        super().__init__()
        self.outlier = outlier

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        outlier = self.outlier(logits, features, image)
        # The logarithm of a sigmoid written out: as a graph's two operators it would be minus infinity far below zero.
        log_probability = -(torch.relu(-outlier) + torch.log(1 + torch.exp(-outlier.abs())))
        return log_probability - logits.logsumexp(dim=1)


class CombinedProbabilityHead(nn.Module):
    """Outlier probability times one minus the largest class probability (Bevandic et al., 2019, section 3.4).

    The third variant of Fishyscapes' outlier head, section 4.3, which names it and prints no formula.
    """

    def __init__(self, outlier: nn.Module) -> None:
        super().__init__()
        self.outlier = outlier

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 1]."""
        return torch.sigmoid(self.outlier(logits, features, image)) * (1 - class_statistics(logits).largest).squeeze(1)


class SmoothedHead(nn.Module):
    """Another head's score averaged over a square of `side` px at 1/4 resolution."""

    def __init__(self, head: nn.Module, side: int) -> None:
        super().__init__()
        self.head = head
        self.pool = nn.AvgPool2d(side, 1, side // 2, count_include_pad=False)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        return self.pool(self.head(logits, features, image)[:, None]).squeeze(1)
