"""The light dissimilarity head: does a pixel look like what the network says it is?

SynBoost (Di Biase et al., Pixel-wise Anomaly Detection in Complex Driving Scenes, 2021) synthesises an image from the
predicted labels and compares it with the camera's. Here the comparison happens in feature space: every class has a
prototype, the expected feature is the mean of the prototypes under the predicted probabilities, and a few convolutions
read the residual together with the features and the uncertainty of the prediction. No generator runs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fishy_ros.training.heads.statistics import class_statistics, halve
from fishy_ros.training.nets.blocks import ConvNormAct, upsample
from fishy_ros.training.nets.network import NetOutput

COARSE: int = 32
FINE: int = 16
"""Channels at 1/8 and 1/4 resolution, multiples of what a vector register holds."""


class DissimilarityHead(nn.Module):
    """Score `[B, h, w]` at 1/4 resolution; the comparison happens at 1/8, only its outcome meets the fine features.

    At 1/8 every operation costs a quarter, and a window of 3x3 sees twice as far. Gradients do not flow into the class
    logits, so that the head cannot disturb the segmentation.
    """

    def __init__(self, classes: int, semantic: int, detail: int) -> None:
        super().__init__()
        self.prototypes = nn.Conv2d(classes, detail, 1, bias=False)
        self.join = ConvNormAct(semantic + detail + 4, COARSE, kernel=1)
        self.compare = ConvNormAct(COARSE, COARSE)
        self.to_fine = nn.Conv2d(COARSE, FINE, 1)
        self.from_detail = ConvNormAct(detail, FINE, kernel=1, activate=False)
        self.activation = nn.ReLU(inplace=True)
        self.score = nn.Conv2d(FINE, 1, 1)

    def expected(self, probabilities: Tensor) -> Tensor:
        """Mean prototype under class probabilities `[B, C, h, w]`: `[B, detail, h, w]`."""
        return self.prototypes(probabilities)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Compare what is seen with what is expected; the image itself is not read."""
        compared = self.compare(self.join(torch.cat(self._cues(logits, features), dim=1)))
        fine = self.from_detail(features.detail) + upsample(self.to_fine(compared), 2)
        score: Tensor = self.score(self.activation(fine))
        return score.squeeze(1)

    def _cues(self, logits: Tensor, features: NetOutput) -> list[Tensor]:
        """Features and statistics of the classes at 1/8."""
        classes = class_statistics(halve(logits.detach().float()))  # exact in mixed precision, too
        detail = halve(features.detail)
        residual = detail - self.expected(classes.probabilities).detach()
        return [
            features.semantic,
            detail,
            classes.entropy,
            classes.largest,
            classes.log_sum_exp / 10,
            residual.square().mean(dim=1, keepdim=True),
        ]
