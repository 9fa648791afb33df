"""Heads without parameters: textbook scores of the class logits."""

from __future__ import annotations

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
    """Minus the largest logit (Hendrycks et al., Scaling Out-of-Distribution Detection..., CAOS, 2022)."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        return -logits.amax(dim=1)


class EnergyHead(nn.Module):
    """Free energy, minus the log-sum-exp of the logits (Liu et al., Energy-based OOD Detection, 2020)."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        return -logits.logsumexp(dim=1)
