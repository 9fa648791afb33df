"""Moments of the largest logit and of the fine features for each predicted class, over normal pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fishy_ros.errors import TrainingError
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.statistics import fine_features


class ClassMoments:
    """Measure what `sml` and `mahalanobis` need.

    `finish` gives `max_logit_mean` and `max_logit_std`, float `[C]` (Jung et al., Standardized Max Logits, 2021,
    equations 3 and 4), and of the fine features before the rectifier `means` `[C, D]` and, within classes, the
    `covariance` `[D, D]`. A class that was never predicted gets the mean of the others.
    """

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        classes, width = model.net.classes, model.net.detail
        self.count = torch.zeros(classes, dtype=torch.float64)
        self.logit_sum, self.logit_square = self.count.clone(), self.count.clone()
        self.feature_sum = torch.zeros(classes, width, dtype=torch.float64)
        self.product = torch.zeros(width, width, dtype=torch.float64)

    def observe(self, seen: Observation) -> None:
        """Add the pixels of an image."""
        largest, winner = seen.net.logits.flatten(2).max(dim=1)
        one_hot = F.one_hot(winner[0], len(self.count)).double()
        value, feature = largest[0].double(), fine_features(seen.net).flatten(2)[0].double()
        self.count += one_hot.sum(0)
        self.logit_sum += value @ one_hot
        self.logit_square += value.square() @ one_hot
        self.feature_sum += one_hot.T @ feature.T
        self.product += feature @ feature.T

    def finish(self) -> dict[str, Tensor]:
        """Turn sums into moments.

        Raises:
            TrainingError: no image was seen.
        """
        if self.count.sum() == 0:
            raise TrainingError("no image was given to measure statistics on")
        seen = self.count.clamp_min(1)
        mean = self.logit_sum / seen
        spread = (self.logit_square / seen - mean.square()).clamp_min(1e-6).sqrt()
        means = self.feature_sum / seen[:, None]
        covariance = (self.product - (means * self.count[:, None]).T @ means) / self.count.sum()
        unseen = self.count == 0
        mean[unseen], spread[unseen] = mean[~unseen].mean(), spread[~unseen].mean()
        means[unseen] = means[~unseen].mean(0)
        found = {"max_logit_mean": mean, "max_logit_std": spread, "means": means, "covariance": covariance}
        return {name: value.float() for name, value in found.items()}
