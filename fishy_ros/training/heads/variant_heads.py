"""Scores of networks that were trained for them; the losses are in `fishy_ros.training.ood_losses`.

`void`: Fishyscapes (Blum et al., IJCV 2021), section 4.1. `confidence`: DeVries and Taylor, Learning Confidence for
Out-of-Distribution Detection, 2018, as in CAOS, section 4.1. `dirichlet`: Fishyscapes, section 4.1 and appendix B.4,
after Malinin and Gales, Predictive Uncertainty Estimation via Prior Networks, 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fishy_ros.errors import ConfigError
from fishy_ros.training.nets.network import NetOutput

SHIFT: int = 8
"""Arguments of the gamma function are raised by this before its series is used, which is then exact to 1e-9."""

HALF_LOG_TAU: float = 0.9189385332046727

LARGEST_LOGIT: float = 9.0
"""Concentrations are exp(logit); beyond this the entropy's terms cancel in float32."""


def extra_output(features: NetOutput) -> Tensor:
    """Return the output beside the classes `[B, 1, h, w]`.

    Raises:
        ConfigError: the network has none.
    """
    if features.extra is None:
        raise ConfigError("this head reads one more output beside the classes, which the network does not have")
    return features.extra


class VoidClassHead(nn.Module):
    """Probability of the class `void`, under a softmax over all classes and it."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 1]."""
        return torch.sigmoid(extra_output(features).squeeze(1) - logits.logsumexp(dim=1))


class ConfidenceHead(nn.Module):
    """One minus the network's own confidence."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]` in [0, 1]."""
        return torch.sigmoid(-extra_output(features)).squeeze(1)


class DirichletHead(nn.Module):
    """Differential entropy of the Dirichlet distribution with concentrations exp(logits)."""

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        return dirichlet_entropy(torch.exp(logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)))


def dirichlet_entropy(alpha: Tensor) -> Tensor:
    """Differential entropy `[B, h, w]` of Dirichlet distributions of concentrations `[B, C, h, w]`.

    ln B(a) + (a0 - C) psi(a0) - sum (a_k - 1) psi(a_k), with a0 = sum a_k.
    """
    total = alpha.sum(dim=1)
    log_beta = log_gamma(alpha).sum(dim=1) - log_gamma(total)
    within = ((alpha - 1) * digamma(alpha)).sum(dim=1)
    return log_beta + (total - alpha.shape[1]) * digamma(total) - within


def log_gamma(x: Tensor) -> Tensor:
    """ln Gamma for x > 0 by Stirling's series: no graph format has the function itself."""
    # Two products, because one of all eight factors would overflow float32.
    low = x * (x + 1) * (x + 2) * (x + 3)
    high = (x + 4) * (x + 5) * (x + 6) * (x + 7)
    y = x + SHIFT
    series = 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5)
    return (y - 0.5) * torch.log(y) - y + HALF_LOG_TAU + series - torch.log(low) - torch.log(high)


def digamma(x: Tensor) -> Tensor:
    """Derivative of `log_gamma`."""
    below = 1 / x
    for step in range(1, SHIFT):
        below = below + 1 / (x + step)
    y = x + SHIFT
    square = 1 / (y * y)
    return torch.log(y) - 0.5 / y - square * (1 / 12 - square * (1 / 120 - square / 252)) - below
