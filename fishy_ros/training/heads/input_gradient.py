"""Scores of an image that was moved a step towards what the network takes for normal: `odin` and `flow_input`.

`odin`: Liang et al., Enhancing The Reliability of Out-of-distribution Image Detection, 2018, equations 1 and 2.
`flow_input`: Fishyscapes (Blum et al., IJCV 2021), appendix B.6 and table 9, the same step for a density. Normal pixels
gain more from the step than anomalies.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.nets.network import NetOutput

TEMPERATURE: float = 10.0
ODIN_STEP: float = 1.0
"""In grey levels. Both were chosen on some frames of Lost & Found (dev); the paper tunes them on anomalies, too."""

FLOW_STEP: float = 0.25
"""In grey levels. Fishyscapes' best number; it prints no unit, and a quarter of a deviation hides every anomaly."""


class _SteppedHead(nn.Module):
    """Score the image after a step against the gradient of the sum of its scores."""

    def __init__(self, model: AnomalyModel, head: nn.Module, step: float) -> None:
        super().__init__()
        self.model = model
        self.head = head
        self.step = step

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`."""
        with torch.enable_grad():
            moved = image.detach().clone().requires_grad_()
            (gradient,) = torch.autograd.grad(self.loss(moved), moved)
        with torch.no_grad():
            return self._score(image - self.step * gradient.sign())

    def loss(self, image: Tensor) -> Tensor:
        """Give what the step lowers."""
        return self._score(image).sum()

    def _score(self, image: Tensor) -> Tensor:
        net = self.model.net(self.model.normalise(image))
        score: Tensor = self.head(net.logits, net, image)
        return score


class OdinHead(_SteppedHead):
    """Max softmax at a temperature; the step raises the logarithm of the largest probability."""

    def __init__(self, model: AnomalyModel, temperature: float = TEMPERATURE, step: float = ODIN_STEP) -> None:
        from fishy_ros.training.heads.logit_heads import TemperatureHead

        super().__init__(model, TemperatureHead(temperature), step)
        self.temperature = temperature

    def loss(self, image: Tensor) -> Tensor:
        """Minus the sum of the logarithms of the largest probabilities."""
        logits = self.model.net(self.model.normalise(image)).logits / self.temperature
        return -logits.log_softmax(dim=1).amax(dim=1).sum()


class InputFlowHead(_SteppedHead):
    """Negative log-density after a step, in grey levels, that raises the density."""

    def __init__(self, model: AnomalyModel, head: nn.Module, step: float = FLOW_STEP) -> None:
        super().__init__(model, head, step)
