"""Heads by name, built on a trained model and the statistics of its training images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fishy_ros.errors import ConfigError
from fishy_ros.training.heads.combined import SmoothedHead, WeightedSumHead
from fishy_ros.training.heads.gaussian import GaussianMixtureHead, MahalanobisHead
from fishy_ros.training.heads.logit_heads import (
    EnergyHead,
    EntropyHead,
    MaxLogitHead,
    MaxSoftmaxHead,
    SoftmaxDistanceHead,
)
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.road_context import RoadContextHead
from fishy_ros.training.heads.road_rows import RoadRowsHead
from fishy_ros.training.heads.standardized_max_logits import StandardizedMaxLogitsHead


@dataclass(frozen=True)
class FeatureStatistics:
    """Statistics of normal training pixels by predicted class.

    `max_logit_mean`, `max_logit_std` float `[C]`; `means` `[C, D]` and `covariance` `[D, D]` of the fine features;
    `mixture_weights` `[K]`, `mixture_means` and `mixture_variances` `[K, D]` of the mixture that fits the fine
    features at 1/8 resolution after whitening by `covariance`.
    """

    max_logit_mean: Tensor
    max_logit_std: Tensor
    means: Tensor
    covariance: Tensor
    mixture_weights: Tensor
    mixture_means: Tensor
    mixture_variances: Tensor


Builder = Callable[[AnomalyModel, FeatureStatistics], nn.Module]

DENSE_HYBRID_ENERGY: float = 0.5
"""Weight of the energy beside the outlier logit; both are log-ratios of likelihoods."""

HEADS: dict[str, Builder] = {
    "msp": lambda model, statistics: MaxSoftmaxHead(),
    "entropy": lambda model, statistics: EntropyHead(),
    "softmax_distance": lambda model, statistics: SoftmaxDistanceHead(),
    "max_logit": lambda model, statistics: MaxLogitHead(),
    "energy": lambda model, statistics: EnergyHead(),
    "sml_raw": lambda model, statistics: _standardized(statistics, smooth=False),
    "sml": lambda model, statistics: _standardized(statistics, smooth=True),
    "mahalanobis": lambda model, statistics: MahalanobisHead(statistics.means, statistics.covariance),
    "gmm": lambda model, statistics: GaussianMixtureHead(
        statistics.covariance, statistics.mixture_weights, statistics.mixture_means, statistics.mixture_variances
    ),
    "dissimilarity": lambda model, statistics: model.head,
    "dissimilarity_smooth": lambda model, statistics: SmoothedHead(model.head, 3),
    "dissimilarity_road": lambda model, statistics: RoadContextHead(model.head),
    "dissimilarity_vde": lambda model, statistics: RoadRowsHead(model.head),
    "dissimilarity_road_smooth": lambda model, statistics: SmoothedHead(RoadContextHead(model.head), 3),
    "dense_hybrid": lambda model, statistics: WeightedSumHead([model.head, EnergyHead()], [1.0, DENSE_HYBRID_ENERGY]),
    "dissimilarity_sml": lambda model, statistics: WeightedSumHead(
        [model.head, _standardized(statistics, smooth=False)], [1.0, 0.5]
    ),
}
"""Every head; larger raw scores are more anomalous."""


def create_head(name: str, model: AnomalyModel, statistics: FeatureStatistics) -> nn.Module:
    """Build a head by name.

    Raises:
        ConfigError: no head has that name.
    """
    if name not in HEADS:
        raise ConfigError(f"head {name!r} is unknown; known are {sorted(HEADS)}")
    return HEADS[name](model, statistics)


def no_statistics(classes: int, features: int) -> FeatureStatistics:
    """Return neutral statistics, for heads that read none."""
    return FeatureStatistics(
        torch.zeros(classes),
        torch.ones(classes),
        torch.zeros(classes, features),
        torch.eye(features),
        torch.ones(1),
        torch.zeros(1, features),
        torch.ones(1, features),
    )


def _standardized(statistics: FeatureStatistics, smooth: bool) -> StandardizedMaxLogitsHead:
    return StandardizedMaxLogitsHead(statistics.max_logit_mean, statistics.max_logit_std, smooth)
