"""`lof` and `isolation_forest`: outlier detectors on logits (CAOS, Hendrycks et al., 2019, section 4.2).

As in the published code, both are fitted to logits of normal pixels as they come, with the defaults of scikit-learn: 20
neighbours and 100 trees.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fishy_ros.errors import TrainingError
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.statistics import halve
from fishy_ros.training.nets.blocks import upsample
from fishy_ros.training.nets.network import NetOutput

PER_IMAGE: int = 300
CAPACITY: int = 5000
"""Pixels drawn from an image, and kept of all: the time of the local outlier factor grows with them."""


class LogitSample:
    """Draw logits of normal pixels as they come, at 1/8 resolution, where they are scored.

    `finish` gives up to `capacity` of them: `logits` float `[K, C]`.
    """

    def __init__(self, model: AnomalyModel, statistics: Statistics, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.generator = torch.Generator().manual_seed(0)
        self.picked: list[Tensor] = []

    def observe(self, seen: Observation) -> None:
        """Draw pixels of an image."""
        x = halve(seen.net.logits)[0].flatten(1)
        self.picked.append(x[:, torch.randperm(x.shape[1], generator=self.generator)[:PER_IMAGE]].T.float())

    def finish(self) -> dict[str, Tensor]:
        """Draw what fits of all that were seen.

        Raises:
            TrainingError: no image was seen.
        """
        if not self.picked:
            raise TrainingError("no image was given to draw logits from")
        logits = torch.cat(self.picked)
        return {"logits": logits[torch.randperm(len(logits), generator=self.generator)[: self.capacity]].contiguous()}


class Detector(Protocol):
    """What scikit-learn's detectors offer."""

    def score_samples(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows; larger is more normal."""
        ...


class OutlierDetectorHead(nn.Module):
    """Minus the detector's score of the logits, at 1/8 resolution."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        x = halve(logits)
        batch, classes, height, width = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(-1, classes).contiguous().numpy()
        score = torch.from_numpy(-self.detector.score_samples(rows)).float()
        return upsample(score.view(batch, 1, height, width), 2).squeeze(1)


def local_outlier_factor(logits: Tensor) -> Detector:
    """Fit a local outlier factor to logits `[K, C]`."""
    from sklearn.neighbors import LocalOutlierFactor

    fitted: Detector = LocalOutlierFactor(novelty=True).fit(logits.numpy())
    return fitted


def isolation_forest(logits: Tensor) -> Detector:
    """Fit an isolation forest to logits `[K, C]`, always the same one."""
    from sklearn.ensemble import IsolationForest

    fitted: Detector = IsolationForest(random_state=0).fit(logits.numpy())
    return fitted
