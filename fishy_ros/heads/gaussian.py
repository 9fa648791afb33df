"""Distance of fine features to the nearest class in feature space."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.nets.network import NetOutput


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
        regular = covariance + 1e-3 * covariance.diagonal().mean() * torch.eye(covariance.shape[0])
        whiten = torch.linalg.cholesky(torch.linalg.inv(regular)).T
        whitened = means @ whiten.T
        self.register_buffer("whiten", whiten[:, :, None, None].contiguous())
        self.register_buffer("weight", (-2 * whitened)[:, :, None, None].contiguous())
        self.register_buffer("bias", whitened.square().sum(dim=1))

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, not negative."""
        x = F.conv2d(features.detail, self.whiten)
        nearest = F.conv2d(x, self.weight, self.bias).amin(dim=1)
        return nearest + x.square().sum(dim=1)
