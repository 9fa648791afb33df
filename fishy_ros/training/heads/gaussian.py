"""How unusual fine features are: distance to the nearest class, and density under a mixture of Gaussians."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.statistics import fine_features, halve
from fishy_ros.training.nets.blocks import upsample
from fishy_ros.training.nets.network import NetOutput


class MahalanobisHead(nn.Module):
    """Squared Mahalanobis distance to the nearest class mean, one covariance for all classes.

    Source: Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples..., 2018, equation 2.
    `means` is float `[C, D]`, `covariance` `[D, D]`. Everything is 1x1 convolutions: features are whitened once, then
    |x - m|^2 = |x|^2 - 2 m x + |m|^2.
    """

    whiten: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, means: Tensor, covariance: Tensor) -> None:
        super().__init__()
        whiten = whitening(covariance)
        whitened = means @ whiten.T
        self.register_buffer("whiten", whiten[:, :, None, None].contiguous())
        self.register_buffer("weight", (-2 * whitened)[:, :, None, None].contiguous())
        self.register_buffer("bias", whitened.square().sum(dim=1))

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, not negative."""
        x = F.conv2d(fine_features(features), self.whiten)
        nearest = F.conv2d(x, self.weight, self.bias).amin(dim=1)
        return nearest + x.square().sum(dim=1)


class GaussianMixtureHead(nn.Module):
    """Minus the logarithm of the density of fine features under a mixture of K Gaussians, at 1/8 resolution.

    Sources: Lee et al., 2018 (as above), which fits one Gaussian a class; Liang et al., GMMSeg, 2022, several. Here one
    mixture holds all that is normal. Its covariances are diagonal after the whitening by `covariance` `[D, D]`, so
    that a density is a 1x1 convolution of the whitened features and their squares: with s for variances,
    -(x - m)^2 / 2s = x m / s - x^2 / 2s - m^2 / 2s, summed over D. `weights` is float `[K]` with sum 1, `means` and
    `variances` are `[K, D]` in whitened coordinates.
    """

    whiten: Tensor
    linear: Tensor
    square: Tensor
    bias: Tensor

    def __init__(self, covariance: Tensor, weights: Tensor, means: Tensor, variances: Tensor) -> None:
        super().__init__()
        whiten = whitening(covariance)
        norm = (means.square() / variances + torch.log(2 * math.pi * variances)).sum(dim=1)
        self.register_buffer("whiten", whiten[:, :, None, None].contiguous())
        self.register_buffer("linear", (means / variances)[:, :, None, None].contiguous())
        self.register_buffer("square", (-0.5 / variances)[:, :, None, None].contiguous())
        self.register_buffer("bias", weights.log() - 0.5 * norm + torch.linalg.slogdet(whiten).logabsdet)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        x = F.conv2d(halve(fine_features(features)), self.whiten)
        joint = F.conv2d(x, self.linear, self.bias) + F.conv2d(x.square(), self.square)
        return upsample(-joint.logsumexp(dim=1, keepdim=True), 2).squeeze(1)


def whitening(covariance: Tensor) -> Tensor:
    """Return the matrix `[D, D]` that gives features of this covariance, slightly regularised, unit covariance."""
    regular = covariance + 1e-3 * covariance.diagonal().mean() * torch.eye(covariance.shape[0])
    return torch.linalg.cholesky(torch.linalg.inv(regular)).T
