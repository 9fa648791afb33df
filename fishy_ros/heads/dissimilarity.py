"""The light dissimilarity head: does a pixel look like what the network says it is?

SynBoost (Di Biase et al., Pixel-wise Anomaly Detection in Complex Driving Scenes, 2021) synthesises an image from the
predicted labels and compares it with the camera's. Here the comparison happens in feature space: every class has a
prototype, the expected feature is the mean of the prototypes under the predicted probabilities, and a few convolutions
read the residual together with the features and the uncertainty of the prediction. No generator runs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fishy_ros.heads.statistics import class_probabilities, entropy
from fishy_ros.nets.blocks import ConvNormAct
from fishy_ros.nets.fishy_net import NetOutput, upsample


class DissimilarityHead(nn.Module):
    """Score `[B, h, w]` at 1/4 resolution from features at 1/8 and 1/4 and the class logits at 1/4.

    Gradients do not flow into the class logits, so that the head cannot spoil the segmentation.
    """

    def __init__(self, classes: int, semantic: int, detail: int) -> None:
        super().__init__()
        self.prototypes = nn.Conv2d(classes, detail, 1, bias=False)
        self.from_semantic = ConvNormAct(semantic, detail, kernel=1)
        self.from_detail = ConvNormAct(detail + 4, detail, kernel=1)
        self.compare = ConvNormAct(detail, detail)
        self.score = nn.Conv2d(detail, 1, 1)

    def expected(self, probabilities: Tensor) -> Tensor:
        """Mean prototype under class probabilities `[B, C, h, w]`: `[B, detail, h, w]`."""
        return self.prototypes(probabilities)

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Compare what is seen with what is expected; the image itself is not read."""
        logits = logits.detach().float()  # statistics of the classes stay exact in mixed precision
        probabilities = class_probabilities(logits)
        residual = features.detail - self.expected(probabilities).detach()
        cues = torch.cat(
            [
                entropy(logits),
                probabilities.amax(dim=1, keepdim=True),
                logits.logsumexp(dim=1, keepdim=True) / 10,
                residual.square().mean(dim=1, keepdim=True),
            ],
            dim=1,
        )
        joined = self.from_detail(torch.cat([features.detail, cues], dim=1))
        joined = joined + upsample(self.from_semantic(features.semantic), 2)
        return self.score(self.compare(joined)).squeeze(1)
