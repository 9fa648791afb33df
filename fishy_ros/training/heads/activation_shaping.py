"""Energy of logits after the features were shaped.

`react`: Sun et al., ReAct: Out-of-distribution Detection With Rectified Activations, NeurIPS 2021, equation 1. `ash`:
Djurisic et al., Extremely Simple Activation Shaping, ICLR 2023, algorithm ASH-S.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.classifier import Classifier
from fishy_ros.training.nets.network import NetOutput

KEPT_SHARE: float = 0.9
"""ReAct cuts activations off at this quantile of normal ones."""

PRUNED_SHARE: float = 0.65
"""ASH sets this share of the activations of a pixel to zero: the lowest that the paper tries for its version S."""


class _ShapedEnergyHead(nn.Module):
    """Energy of the classifier's logits of shaped features."""

    weight: Tensor
    bias: Tensor

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.register_buffer("weight", classifier.weight[:, :, None, None].contiguous())
        self.register_buffer("bias", classifier.bias)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        return -F.conv2d(self.shape(features.detail), self.weight, self.bias).logsumexp(dim=1)

    def shape(self, x: Tensor) -> Tensor:
        """Shape features `[B, D, h, w]`."""
        raise NotImplementedError


class ReactHead(_ShapedEnergyHead):
    """Cut activations off at a quantile of those of normal pixels, float `[K, D]`."""

    def __init__(self, classifier: Classifier, features: Tensor) -> None:
        super().__init__(classifier)
        self.limit = float(torch.quantile(features.flatten()[: 1 << 23], KEPT_SHARE))

    def shape(self, x: Tensor) -> Tensor:
        """Take the smaller of activation and limit."""
        return x.clamp_max(self.limit)


class AshHead(_ShapedEnergyHead):
    """Prune the lowest activations of a pixel and multiply the rest by exp(sum before / sum after)."""

    def shape(self, x: Tensor) -> Tensor:
        """Keep the largest activations."""
        channels = int(x.shape[1])
        kept = channels - round(PRUNED_SHARE * channels)
        lowest = x.topk(kept, dim=1).values[:, -1:]
        pruned = x * (x >= lowest).to(x.dtype)
        before, after = x.sum(dim=1, keepdim=True), pruned.sum(dim=1, keepdim=True)
        return pruned * torch.exp(before / after.clamp_min(1e-6))
