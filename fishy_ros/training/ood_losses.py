"""What networks of a variant learn beside the classes, each from the pixels that are outliers or normal in a crop.

A term is added to the cross entropy of the classes. Logits are float `[B, C, h, w]`, `labels` `[B, h, w]` train ids or
255, `outlier` `[B, h, w]` 0 normal, 1 outlier, 255 ignored. Outliers are pasted objects, or void regions where the
configuration pastes none.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fishy_ros.training.heads.variant_heads import LARGEST_LOGIT, extra_output
from fishy_ros.training.nets.network import NetOutput
from fishy_ros.types import ANOMALY, IGNORED, NORMAL

PRECISION: float = 100.0
SMOOTHING: float = 0.01
DIRICHLET_WEIGHT: float = 0.1
"""Fishyscapes, appendix B.4: alpha_0 of normal pixels, what other classes get of a label, and the term's weight."""

BUDGET: float = 0.1
"""Price of a hint (DeVries and Taylor, 2018, lambda in equation 4 at its start)."""

ENERGY_NORMAL: float = -12.0
ENERGY_OUTLIER: float = -6.0
ENERGY_WEIGHT: float = 0.02
SMOOTHNESS_WEIGHT: float = 3e-6
SPARSITY_WEIGHT: float = 5e-4
"""PEBAL's margins of the energy, its weight, and those of equation 5."""

Term = Callable[[NetOutput, Tensor, Tensor], Tensor]


def max_entropy_term(net: NetOutput, labels: Tensor, outlier: Tensor) -> Tensor:
    """Cross entropy of outliers to the uniform distribution.

    Sources: Fishyscapes (Blum et al., IJCV 2021), section 4.1, OoD training; COCO-DAG, section 2 (MaxEnt), after Chan
    et al., Entropy Maximization and Meta Classification, ICCV 2021, equation 3.
    """
    return masked_mean(-net.logits.float().log_softmax(dim=1).mean(dim=1), outlier == ANOMALY)


def void_term(net: NetOutput, labels: Tensor, outlier: Tensor) -> Tensor:
    """Make the cross entropy of C classes that of C + 1, of which the last is the outliers' (Fishyscapes, section 4.1).

    -ln p(k) over C + 1 classes is -ln p(k) over C minus ln(1 - p(void)), so the term is a binary cross entropy.
    """
    return _one_class_more(net, outlier == ANOMALY, outlier == NORMAL)


def background_term(net: NetOutput, labels: Tensor, outlier: Tensor) -> Tensor:
    """Make the cross entropy of C classes that of C + 1, of which the last is what has no label (CAOS, section 4.1).

    The paper's background is a class of StreetHazards; here it is every pixel without a train id.
    """
    return _one_class_more(net, labels == IGNORED, labels != IGNORED)


def _one_class_more(net: NetOutput, inside: Tensor, outside: Tensor) -> Tensor:
    more = extra_output(net).float().squeeze(1) - net.logits.float().logsumexp(dim=1)
    pixelwise = F.binary_cross_entropy_with_logits(more, inside.float(), reduction="none")
    return masked_mean(pixelwise, inside | outside)


def dirichlet_term(net: NetOutput, labels: Tensor, outlier: Tensor) -> Tensor:
    """Divergence from the Dirichlet distribution that a pixel should have (Fishyscapes, equation 3, appendix B.4).

    Normal pixels: smoothed labels times a precision of 100; outliers: all ones.
    """
    logits = net.logits.float().clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    classes = logits.shape[1]
    known = (outlier == NORMAL) & (labels != IGNORED)
    sharp = F.one_hot(labels.long().clamp_max(classes - 1), classes).permute(0, 3, 1, 2).float()
    normal = PRECISION * (SMOOTHING + (1 - classes * SMOOTHING) * sharp)
    divergence_in = dirichlet_divergence(normal, logits.exp())
    divergence_out = dirichlet_divergence(torch.ones_like(logits), logits.exp())
    return DIRICHLET_WEIGHT * (masked_mean(divergence_in, known) + masked_mean(divergence_out, outlier == ANOMALY))


def dirichlet_divergence(target: Tensor, alpha: Tensor) -> Tensor:
    """KL(Dir(target) || Dir(alpha)) for concentrations `[B, C, h, w]`: `[B, h, w]`."""
    total = target.sum(dim=1)
    constant = torch.lgamma(total) - torch.lgamma(alpha.sum(dim=1))
    logs = (torch.lgamma(alpha) - torch.lgamma(target)).sum(dim=1)
    expected = torch.digamma(target) - torch.digamma(total)[:, None]
    return constant + logs + ((target - alpha) * expected).sum(dim=1)


def confidence_term(net: NetOutput, labels: Tensor, outlier: Tensor) -> Tensor:
    """Learn a confidence by asking for hints that cost something (DeVries and Taylor, 2018, equations 2 to 4).

    The prediction is mixed with the truth by one minus the confidence. As there, a random half gets no hints.
    """
    known = (outlier == NORMAL) & (labels != IGNORED)
    logits = extra_output(net).float().squeeze(1)
    hinted = torch.rand_like(logits) < 0.5
    confidence = torch.sigmoid(logits)
    index = labels.long().clamp_max(net.logits.shape[1] - 1)[:, None]
    right = net.logits.float().softmax(dim=1).gather(1, index).squeeze(1)
    mixed = torch.where(hinted, confidence * right + 1 - confidence, right)
    return masked_mean(-mixed.clamp_min(1e-6).log() - BUDGET * F.logsigmoid(logits), known)


def pebal_term(net: NetOutput, labels: Tensor, outlier: Tensor) -> Tensor:
    """Abstain where the energy says so (PEBAL, Tian et al., ECCV 2022, equations 2 to 4).

    -ln(p_y + p_void / a) for normal pixels, with a the squared energy, -ln p_void for outliers, and margins that push
    the energies of both apart. Equation 5 adds smoothness, the squared differences of neighbouring energies, and
    sparsity, the norm of the outliers' energies, both as sums over the batch like in the published code.
    """
    known = (outlier == NORMAL) & (labels != IGNORED)
    logits = torch.cat([net.logits, extra_output(net)], dim=1).float()
    energy = -net.logits.float().logsumexp(dim=1)
    posteriors = logits.softmax(dim=1)
    index = labels.long().clamp_max(logits.shape[1] - 2)[:, None]
    rewarded = posteriors.gather(1, index).squeeze(1) + posteriors[:, -1] / energy.square().clamp_min(1.0)
    abstain = masked_mean(-rewarded.clamp_min(1e-6).log(), known)
    abstain = abstain + masked_mean(-posteriors[:, -1].clamp_min(1e-6).log(), outlier == ANOMALY)
    apart = masked_mean((energy - ENERGY_NORMAL).clamp_min(0).square(), known)
    apart = apart + masked_mean((ENERGY_OUTLIER - energy).clamp_min(0).square(), outlier == ANOMALY)
    steps = sum(energy.diff(dim=axis).square().sum() for axis in (1, 2))
    regular = SMOOTHNESS_WEIGHT / 2 * steps + SPARSITY_WEIGHT * (energy * (outlier == ANOMALY)).norm()
    return abstain + ENERGY_WEIGHT * apart + regular


OOD_TERMS: dict[str, Term] = {
    "maxent": max_entropy_term,
    "void": void_term,
    "background": background_term,
    "dirichlet": dirichlet_term,
    "confidence": confidence_term,
    "pebal": pebal_term,
}
"""The term of each variant of a network; `bayesian` has none, its dropout is all."""


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the pixels of a mask; 0 where it is empty."""
    return (values * mask).sum() / mask.sum().clamp_min(1)
