"""`kl_matching`: the nearest of the classes' mean posteriors (CAOS, Hendrycks et al., 2019, section 4.3).

d_k is the mean posterior of the pixels that are predicted as class k; the score is min_k KL(p || d_k).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.statistics import class_statistics
from fishy_ros.training.nets.network import NetOutput

NEVER: float = -1e4
"""Stands for the log of the posteriors of a class that was never predicted, so that it matches nothing."""


class MeanPosteriors:
    """Measure `posteriors` float `[C, C]`: row k is the mean where k is predicted, zeros where it never is."""

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        self.total = torch.zeros(model.net.classes, model.net.classes, dtype=torch.float64)
        self.count = torch.zeros(model.net.classes, dtype=torch.float64)

    def observe(self, seen: Observation) -> None:
        """Add the pixels of an image."""
        posteriors = seen.net.logits[0].flatten(1).softmax(dim=0).double()
        one_hot = F.one_hot(posteriors.argmax(dim=0), len(self.count)).double()
        self.total += one_hot.T @ posteriors.T
        self.count += one_hot.sum(0)

    def finish(self) -> dict[str, Tensor]:
        """Divide by the numbers of pixels."""
        return {"posteriors": (self.total / self.count.clamp_min(1)[:, None]).float()}


class KlMatchingHead(nn.Module):
    """The smallest divergence from a mean posterior, as one 1x1 convolution: KL(p || d) = sum p ln p - sum p ln d."""

    weight: Tensor

    def __init__(self, posteriors: Tensor) -> None:
        super().__init__()
        logs = torch.where(posteriors.sum(1, keepdim=True) > 0, posteriors.clamp_min(1e-12).log(), NEVER)
        self.register_buffer("weight", logs[:, :, None, None].contiguous())

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, not negative."""
        classes = class_statistics(logits)
        own = (classes.probabilities * (logits - classes.log_sum_exp)).sum(dim=1)
        return own - F.conv2d(classes.probabilities, self.weight).amax(dim=1)
