"""Per-pixel statistics of the class logits that several heads share."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fishy_ros.training.nets.network import NetOutput

GROUND: tuple[int, ...] = (0, 1)
"""Train ids of road and pavement."""


def halve(x: Tensor) -> Tensor:
    """Average `[B, C, h, w]` over squares of 2x2: `[B, C, h/2, w/2]`."""
    return F.avg_pool2d(x, 2)


def fine_features(features: NetOutput) -> Tensor:
    """Return the fine features `[B, D, h, w]` of which densities are made: before the rectifier where a design says.

    The rectifier leaves a point mass at zero that no Gaussian fits. Behind it, 30 images of Cityscapes gave
    Mahalanobis an FPR95 of 40.4 % on Lost & Found and the mixture an AP of 2.5 %, before it 29.9 and 8.2.
    """
    return features.detail if features.linear is None else features.linear.detail


class ClassStatistics(NamedTuple):
    """What the logits `[B, C, h, w]` of a pixel say, from one exponential a class and one logarithm a pixel."""

    probabilities: Tensor
    """Softmax over C: `[B, C, h, w]`.

    Written out, because ONNX Runtime's Softmax over channels first moves them to the end of memory: for 19 x 128 x 256
    on one core that took 27 ms, this 3 ms.
    """
    largest: Tensor
    """The largest probability: `[B, 1, h, w]`."""
    log_sum_exp: Tensor
    """Logarithm of the sum of the exponentials of the logits: `[B, 1, h, w]`."""
    entropy: Tensor
    """Shannon entropy of the softmax, divided by log C: `[B, 1, h, w]` in [0, 1]."""


def class_statistics(logits: Tensor) -> ClassStatistics:
    """Derive everything from the logits less their largest, which cannot overflow."""
    top = logits.amax(dim=1, keepdim=True)
    shifted = logits - top
    exponentials = torch.exp(shifted)
    total = exponentials.sum(dim=1, keepdim=True)
    probabilities = exponentials / total
    log_total = torch.log(total)
    entropy = (log_total - (probabilities * shifted).sum(dim=1, keepdim=True)) / math.log(logits.shape[1])
    return ClassStatistics(probabilities, 1 / total, top + log_total, entropy)


def ground_probability(logits: Tensor) -> Tensor:
    """Return the probability of road or pavement `[B, 1, h/2, w/2]` for logits `[B, C, h, w]`."""
    probabilities = class_statistics(halve(logits)).probabilities
    return probabilities[:, GROUND[0] : GROUND[-1] + 1].sum(dim=1, keepdim=True)


def softmax_distance(probabilities: Tensor) -> Tensor:
    """One minus the gap between the two largest probabilities: `[B, 1, h, w]` in [0, 1].

    Source: Di Biase et al., Pixel-wise Anomaly Detection in Complex Driving Scenes, 2021, equation 2.
    """
    top = probabilities.topk(2, dim=1).values
    return 1 - (top[:, :1] - top[:, 1:])
