"""What of a pixel's features lies in the principal subspace of normal ones.

`vim`: Wang et al., ViM: Out-of-Distribution with Virtual-logit Matching, CVPR 2022, equations 3 to 7. `neco`: Ben Ammar
et al., NECO: Neural Collapse Based Out-of-Distribution Detection, ICLR 2024, equation 8.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.classifier import Classifier
from fishy_ros.training.nets.network import NetOutput

PRINCIPAL_SHARE: float = 0.5
"""Share of the dimensions that is principal (ViM: 1,000 of 2,048 and 512 of 768)."""


def principal_axes(centred: Tensor) -> Tensor:
    """Return the leading axes `[d, D]` of centred features `[K, D]`, by falling eigenvalue."""
    _, vectors = torch.linalg.eigh((centred.T @ centred / len(centred)).double())
    count = max(1, round(PRINCIPAL_SHARE * centred.shape[1]))
    return vectors.flip(1)[:, :count].T.float()


class VimHead(nn.Module):
    """The virtual logit less the log-sum-exp of the others, which has the order of the virtual class's probability.

    The virtual logit is alpha times the length of the residual of the features, seen from the point where the
    classifier gives zeros; alpha matches its mean to that of the largest logit.
    """

    origin: Tensor
    weight: Tensor
    alpha: Tensor

    def __init__(self, features: Tensor, classifier: Classifier) -> None:
        super().__init__()
        origin = -torch.linalg.pinv(classifier.weight) @ classifier.bias
        centred = features - origin
        axes = principal_axes(centred)
        residual = torch.eye(features.shape[1]) - axes.T @ axes
        logits = features @ classifier.weight.T + classifier.bias
        self.register_buffer("origin", origin.view(1, -1, 1, 1))
        self.register_buffer("weight", residual[:, :, None, None].contiguous())
        self.register_buffer("alpha", logits.amax(dim=1).mean() / (centred @ residual).norm(dim=1).mean())

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        residual = F.conv2d(features.detail - self.origin, self.weight)
        return self.alpha * residual.square().sum(dim=1).clamp_min(1e-12).sqrt() - logits.logsumexp(dim=1)


class NecoHead(nn.Module):
    """Minus the share of the length of centred features in the principal subspace, times the largest logit."""

    mean: Tensor
    weight: Tensor

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        mean = features.mean(dim=0)
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("weight", principal_axes(features - mean)[:, :, None, None].contiguous())

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        x = features.detail - self.mean
        share = F.conv2d(x, self.weight).square().sum(dim=1) / x.square().sum(dim=1).clamp_min(1e-12)
        return -share.sqrt() * logits.amax(dim=1)
