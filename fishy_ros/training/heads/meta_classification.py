"""`meta`: entropy whose segments a classifier has looked at (COCO-DAG, section 2; Chan et al., Entropy Maximization and
Meta Classification for Out-of-Distribution Detection, ICCV 2021, section 4).

Segments are what has an entropy above a threshold. A logistic regression reads a few measures of each and tells the
false ones, which fall below every segment that it believes. The paper fits leave-one-out on the scored frames; here the
classifier is fitted on generated frames.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fishy_ros.errors import TrainingError
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.statistics import GROUND, class_statistics
from fishy_ros.training.nets.network import NetOutput

THRESHOLD: float = 0.7
"""Of the entropy over log C, as in the published code."""

SMALLEST: int = 4
"""Segments of fewer px at 1/4 resolution are no segments."""


def segments(entropy: NDArray[np.float32]) -> tuple[int, NDArray[np.int32]]:
    """Return how many numbers there are, and those of the segments `[h, w]`; 0 is what lies below the threshold."""
    count, numbers = cv2.connectedComponents((entropy > THRESHOLD).astype(np.uint8), connectivity=8)
    return count, np.asarray(numbers, np.int32)


def describe(mask: NDArray[np.bool_], entropy: NDArray[np.float32], ground: NDArray[np.float32]) -> list[float]:
    """Measure a segment: size, thickness, place, its entropy, and the ground around it."""
    around = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~mask
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    rows, columns = np.nonzero(mask)
    inside, outside = entropy[mask], entropy[around]
    return [
        float(np.log(mask.sum())),
        float(inner.sum() / mask.sum()),
        float(rows.mean() / mask.shape[0]),
        float(abs(columns.mean() / mask.shape[1] - 0.5)),
        float(inside.mean()),
        float(inside.max()),
        float(inside.std()),
        float(outside.mean()) if outside.size else 0.0,
        float(ground[around].mean()) if outside.size else 0.0,
        float(ground[mask].mean()),
    ]


def _maps(net: NetOutput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    classes = class_statistics(net.logits)
    ground = classes.probabilities[0, GROUND[0] : GROUND[-1] + 1].sum(dim=0)
    return classes.entropy[0, 0].numpy(), ground.numpy()


class MetaMeasure:
    """Fit the classifier to images with pasted anomalies; a segment is true if most of it is anomalous.

    `finish` gives `weight` float `[F]` and `bias` `[1]` of its logit.
    """

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        self.rows: list[list[float]] = []
        self.true: list[bool] = []

    def observe(self, seen: Observation) -> None:
        """Measure the segments of an image."""
        if seen.outlier is None:
            return
        entropy, ground = _maps(seen.net)
        outlier = seen.outlier[0].numpy()
        count, numbers = segments(entropy)
        for number in range(1, count):
            mask = (numbers == number) & (outlier <= 1)
            if mask.sum() >= SMALLEST:
                self.rows.append(describe(mask, entropy, ground))
                self.true.append(bool(outlier[mask].mean() > 0.5))

    def finish(self) -> dict[str, Tensor]:
        """Fit.

        Raises:
            TrainingError: not both true and false segments were seen.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        if len(set(self.true)) < 2:
            raise TrainingError("meta classification needs images with pasted anomalies, some found and some not")
        scaler = StandardScaler().fit(self.rows)
        fitted = LogisticRegression(solver="liblinear", class_weight="balanced").fit(
            scaler.transform(self.rows), self.true
        )
        weight = fitted.coef_[0] / scaler.scale_
        bias = float(fitted.intercept_[0] - weight @ scaler.mean_)
        return {"weight": torch.from_numpy(weight).float(), "bias": torch.tensor([bias]).float()}


class MetaClassificationHead(nn.Module):
    """Entropy over log C, cut to the threshold in segments that the classifier calls false."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = weight.numpy()
        self.bias = float(bias)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[1, h, w]` in [0, 1]."""
        entropy, ground = _maps(features._replace(logits=logits))
        score = entropy.copy()
        count, numbers = segments(entropy)
        for number in range(1, count):
            mask = numbers == number
            if mask.sum() < SMALLEST or self.weight @ describe(mask, entropy, ground) + self.bias < 0:
                score[mask] = THRESHOLD
        return torch.from_numpy(score)[None]
