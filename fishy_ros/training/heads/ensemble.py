"""`synboost`, `ensemble`: a weighted average of scores in [0, 1] (SynBoost, Di Biase et al., CVPR 2021, section 3.3).

The paper's parts, those of `synboost`, are dissimilarity, entropy, softmax distance and perceptual difference. In
`ensemble` this project's learned head stands for the first, and the standardised max logit for the last. Weights are
searched on a grid as in the published code, {0, 1, 2, 3}^4 scaled to sum 1; unlike there, on generated frames, never on
those that are scored. The paper does not say how scores come to [0, 1] and the code scales each image by its own range,
which makes frames incomparable; here the range is that of normal pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fishy_ros.errors import TrainingError
from fishy_ros.metrics.pixel import PixelAccumulator
from fishy_ros.training.heads.logit_heads import EntropyHead, SoftmaxDistanceHead
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.resynthesis import ResynthesisHead
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.standardized_max_logits import StandardizedMaxLogitsHead
from fishy_ros.training.heads.synboost import SynBoostHead
from fishy_ros.training.nets.network import NetOutput
from fishy_ros.types import ANOMALY, NORMAL

GRID: tuple[int, ...] = (0, 1, 2, 3)
RANGE: tuple[float, float] = (0.001, 0.999)
"""Quantiles of the scores of normal pixels that become 0 and 1; what lies outside is cut off at 0 and, at 1, not."""

PIXELS: int = 4000
"""Normal pixels taken from an image for the search; anomalous ones are all taken."""


Parts = Callable[[AnomalyModel, Statistics], list[nn.Module]]


def synboost_parts(model: AnomalyModel, statistics: Statistics) -> list[nn.Module]:
    """Build the heads that `synboost` averages, those of the paper."""
    difference = ResynthesisHead(model, statistics.of("resynthesis"))
    return [SynBoostHead(model, statistics), EntropyHead(), SoftmaxDistanceHead(), difference]


def parts_of(model: AnomalyModel, statistics: Statistics) -> list[nn.Module]:
    """Build the heads that `ensemble` averages."""
    moments = statistics.of("class_moments")
    sml = StandardizedMaxLogitsHead(moments["max_logit_mean"], moments["max_logit_std"])
    return [model.head, EntropyHead(), SoftmaxDistanceHead(), sml]


class EnsembleHead(nn.Module):
    """The average of scaled scores; parts of weight zero are left out.

    `low` and `high` are float `[4]`, the scores that become 0 and 1; `weights` `[4]` have sum 1.
    """

    def __init__(self, parts: list[nn.Module], low: Tensor, high: Tensor, weights: Tensor) -> None:
        super().__init__()
        used = [number for number, weight in enumerate(weights) if weight > 0]
        self.parts = nn.ModuleList(parts[number] for number in used)
        self.scales = [(float(low[n]), float(high[n] - low[n]), float(weights[n])) for n in used]

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, from 0 up, above 1 where it exceeds what normal pixels have."""
        scaled = [
            weight * ((part(logits, features, image) - low) / width).clamp_min(0)
            for part, (low, width, weight) in zip(self.parts, self.scales, strict=True)
        ]
        total = scaled[0]
        for score in scaled[1:]:
            total = total + score
        return total


class EnsembleSearch:
    """Find ranges and weights on images with pasted anomalies: `low`, `high` and `weights`, float `[4]` each."""

    def __init__(self, model: AnomalyModel, statistics: Statistics, parts: Parts = parts_of) -> None:
        self.parts = parts(model, statistics)
        self.generator = torch.Generator().manual_seed(0)
        self.scores: list[Tensor] = []
        self.labels: list[Tensor] = []

    def observe(self, seen: Observation) -> None:
        """Draw pixels of an image."""
        if seen.outlier is None:
            return
        labels = seen.outlier.flatten()
        normal = torch.nonzero(labels == NORMAL).flatten()
        normal = normal[torch.randperm(len(normal), generator=self.generator)[:PIXELS]]
        chosen = torch.cat([torch.nonzero(labels == ANOMALY).flatten(), normal])
        net = seen.net
        scores = [part(net.logits, net, seen.image).flatten()[chosen] for part in self.parts]
        self.scores.append(torch.stack(scores))
        self.labels.append(labels[chosen])

    def finish(self) -> dict[str, Tensor]:
        """Search the grid for the highest average precision.

        Raises:
            TrainingError: no anomaly was seen.
        """
        labels = torch.cat(self.labels) if self.labels else torch.zeros(0)
        if not (labels == ANOMALY).any():
            raise TrainingError("an ensemble needs images with pasted anomalies")
        scores = torch.cat(self.scores, dim=1).double()
        low, high = torch.quantile(scores[:, labels == NORMAL][:, : 1 << 21], torch.tensor(RANGE).double(), dim=1)
        scaled = ((scores - low[:, None]) / (high - low).clamp_min(1e-6)[:, None]).clamp_min(0)
        weights = search_weights(scaled.numpy(), labels.numpy())
        return {"low": low.float(), "high": high.float(), "weights": torch.from_numpy(weights).float()}


def search_weights(scores: NDArray[np.float64], labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the weights `[P]` of the grid, of sum 1, whose sum of scores `[P, n]` has the highest AP."""
    best, found = -1.0, np.ones(len(scores)) / len(scores)
    tried: set[tuple[float, ...]] = set()
    for combination in itertools.product(GRID, repeat=len(scores)):
        weights = np.array(combination, np.float64) / max(1, sum(combination))
        key = tuple(weights.round(6))
        if not any(combination) or key in tried:
            continue
        tried.add(key)
        pool = PixelAccumulator()
        pool.update((weights @ scores).astype(np.float32)[None], labels.astype(np.uint8)[None], "grid")
        if (ap := pool.compute().ap) > best:
            best, found = ap, weights
    return found
