"""The losses: confidence-weighted segmentation, outlier exposure with hard normal pixels, and prototypes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fishy_ros.training.crops import Crop
from fishy_ros.training.heads.dissimilarity import DissimilarityHead
from fishy_ros.training.heads.model import AnomalyModel, ModelOutput
from fishy_ros.training.ood_losses import OOD_TERMS, masked_mean
from fishy_ros.training.sources import IGNORE
from fishy_ros.types import ANOMALY, NORMAL


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms."""

    outlier: float = 1.0
    hard_share: float = 0.02
    """The share of normal pixels, those with the highest loss, that count once more as a group."""
    hard: float = 0.5
    prototypes: float = 0.1
    ood: float = 1.0
    """Weight of what a network of a variant learns (see `ood_losses`); plain networks learn nothing by it."""
    rare_classes: float | None = None
    """The constant c of class weights 1 / log(c + share of the class); None weights all classes alike."""


def total_loss(
    model: AnomalyModel, output: ModelOutput, batch: Crop, config: LossConfig, class_weights: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add up the weighted terms; also return each for the log.

    Nothing is read back from the device, so a GPU is never waited for.

    `class_weights` is float `[C]`, of the segmentation loss.
    """
    segmentation = segmentation_loss(output.net.logits.float(), batch.labels, batch.weight, class_weights)
    outlier = outlier_loss(output.outlier.float(), batch.outlier, config.hard_share, config.hard)
    total = segmentation + config.outlier * outlier
    terms = {"segmentation": segmentation.detach(), "outlier": outlier.detach()}
    if model.net.variant in OOD_TERMS:
        ood = OOD_TERMS[model.net.variant](output.net, batch.labels, batch.outlier)
        total = total + config.ood * ood
        terms[model.net.variant] = ood.detach()
    prototypes = prototype_loss(model.head, output, batch.outlier)
    total = total + config.prototypes * prototypes
    terms["prototypes"] = prototypes.detach()
    return total, terms


def segmentation_loss(logits: Tensor, labels: Tensor, weight: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross entropy `[B, C, h, w]` against `[B, h, w]`, weighted by the squared confidence in each label.

    `class_weights`, float `[C]`, multiply the weight of each label.
    """
    if class_weights is not None:
        weight = weight * class_weights[labels.long().clamp_max(len(class_weights) - 1)]
    pixelwise = F.cross_entropy(logits, labels.long(), ignore_index=IGNORE, reduction="none")
    weights = weight.square() * (labels != IGNORE)
    return (pixelwise * weights).sum() / weights.sum().clamp_min(1)


def outlier_loss(score: Tensor, target: Tensor, hard_share: float, hard: float) -> Tensor:
    """Binary cross entropy, balanced between the two sides, plus the hardest normal pixels of the batch.

    Average precision is decided by the few normal pixels with the highest scores; the last term is about them.
    """
    pixelwise = F.binary_cross_entropy_with_logits(score, (target == ANOMALY).float(), reduction="none")
    anomaly, normal = target == ANOMALY, target == NORMAL
    # The k hardest are picked from as many as there could be, and those beyond k weigh nothing: k is only known there.
    hardest = (pixelwise * normal).flatten().topk(max(1, int(hard_share * pixelwise.numel()))).values
    wanted = (hard_share * normal.sum()).long().clamp_min(1)
    counted = torch.arange(len(hardest), device=hardest.device) < wanted
    return 0.5 * masked_mean(pixelwise, anomaly) + masked_mean(pixelwise, normal) + hard * masked_mean(hardest, counted)


def prototype_loss(head: DissimilarityHead, output: ModelOutput, target: Tensor) -> Tensor:
    """Squared distance of normal features to the expected feature; only the prototypes learn from it."""
    features, logits = output.net.detail.detach().float(), output.net.logits.detach().float()
    expected = head.expected(logits.softmax(dim=1))
    distance = (features - expected).square().mean(dim=1)
    return masked_mean(distance, target == NORMAL)
