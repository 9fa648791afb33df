"""`oodmc`: out-of-distribution detection by Monte Carlo moments (COCO-DAG, algorithm 1).

A network with dropout runs 128 times; the entropy of the mean posterior and the raw moments of orders 1 to n of every
logit are the features of a classifier, a support vector machine by default. The paper prints no n.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fishy_ros.errors import TrainingError
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.monte_carlo import entropy, sample_logits
from fishy_ros.training.heads.pixel_bank import pick
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.nets.network import NetOutput

PASSES: int = 128
ORDERS: int = 3
PER_IMAGE: int = 300
"""Pixels of either side that the classifier sees of an image."""


def moments(model: AnomalyModel, image: Tensor, passes: int = PASSES) -> Tensor:
    """Return entropy and moments `[1, 1 + ORDERS x C, h, w]` of the runs on an image `[1, 3, H, W]`."""
    posterior = torch.zeros(1)
    powers = [torch.zeros(1)] * ORDERS
    for logits in sample_logits(model, image, passes, seed=0):
        posterior = posterior + logits.softmax(dim=1) / passes
        powers = [total + logits.pow(order + 1) / passes for order, total in enumerate(powers)]
    return torch.cat([entropy(posterior)[:, None], *powers], dim=1)


class OodmcMeasure:
    """Fit a linear support vector machine to images with pasted anomalies.

    `finish` gives `weight` float `[F]` and `bias` `[1]` of the decision function.
    """

    def __init__(self, model: AnomalyModel, statistics: Statistics, passes: int = PASSES) -> None:
        self.model = model
        self.passes = passes
        self.generator = torch.Generator().manual_seed(0)
        self.rows: list[Tensor] = []
        self.labels: list[Tensor] = []

    def observe(self, seen: Observation) -> None:
        """Draw normal and anomalous pixels of an image."""
        if seen.outlier is None or not (seen.outlier == 1).any():
            return
        labels = seen.outlier.flatten()
        chosen = pick(labels.long(), PER_IMAGE, self.generator)
        chosen = chosen[labels[chosen] <= 1]
        self.rows.append(moments(self.model, seen.image, self.passes)[0].flatten(1)[:, chosen].T)
        self.labels.append(labels[chosen])

    def finish(self) -> dict[str, Tensor]:
        """Fit.

        Raises:
            TrainingError: no anomaly was seen.
        """
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import LinearSVC

        if not self.rows:
            raise TrainingError("a classifier needs images with pasted anomalies")
        rows, labels = torch.cat(self.rows).numpy(), torch.cat(self.labels).numpy()
        scaler = StandardScaler().fit(rows)
        machine = LinearSVC(class_weight="balanced", random_state=0).fit(scaler.transform(rows), labels)
        weight = torch.from_numpy(machine.coef_[0] / scaler.scale_)
        bias = float(machine.intercept_[0]) - float(weight @ torch.from_numpy(scaler.mean_))
        return {"weight": weight.float(), "bias": torch.tensor([bias]).float()}


class OodmcHead(nn.Module):
    """The classifier's decision function."""

    def __init__(self, model: AnomalyModel, machine: Mapping[str, Tensor], passes: int = PASSES) -> None:
        super().__init__()
        self.model = model
        self.passes = passes
        self.weight, self.bias = machine["weight"], machine["bias"]

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        x = moments(self.model, image, self.passes)
        return torch.einsum("f,bfhw->bhw", self.weight, x) + self.bias
