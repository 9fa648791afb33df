"""Heads without parameters: scores of the class logits in one formula each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fishy_ros.training.heads.statistics import class_statistics, softmax_distance
from fishy_ros.training.nets.network import NetOutput


class MaxSoftmaxHead(nn.Module):
    """One minus the largest probability (Hendrycks and Gimpel, A Baseline for Detecting..., 2017)."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 1]."""
        return (1 - class_statistics(logits).largest).squeeze(1)


class EntropyHead(nn.Module):
    """Entropy of the probabilities over log C."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 1]."""
        return class_statistics(logits).entropy.squeeze(1)


class SoftmaxDistanceHead(nn.Module):
    """One minus the gap between the two largest probabilities (SynBoost, equation 2)."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 1]."""
        return softmax_distance(class_statistics(logits).probabilities).squeeze(1)


class MaxLogitHead(nn.Module):
    """Minus the largest logit (CAOS, Hendrycks et al., 2019, section 4.2)."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        return -logits.amax(dim=1)


class EnergyHead(nn.Module):
    """Free energy, minus the log-sum-exp of the logits (Liu et al., Energy-based OOD Detection, 2020)."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        return -logits.logsumexp(dim=1)


class LogitAverageHead(nn.Module):
    """Minus the mean logit (CAOS, first edition, 2019, section 4.2: a baseline that is expected to fail)."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        return -logits.mean(dim=1)


class TemperatureHead(nn.Module):
    """One minus the largest probability of the logits over a temperature (ODIN, Liang et al., 2018, equation 1)."""

    def __init__(self, temperature: float = 10.0) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 1]."""
        return (1 - class_statistics(logits / self.temperature).largest).squeeze(1)


class RejectedByAllHead(nn.Module):
    """Minus the sum of the squashed logits (RbA, Nayal et al., ICCV 2023, equation 6, with tanh as there).

    The paper reads mask classifiers, whose class scores are independent; those of a softmax network are not quite.
    """

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [-C, C]."""
        return -torch.tanh(logits).sum(dim=1)
