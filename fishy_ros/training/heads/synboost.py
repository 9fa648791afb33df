"""`synboost_network`: where an image and its synthesis differ, as SynBoost's second network sees it.

Source: Di Biase et al., Pixel-wise Anomaly Detection in Complex Driving Scenes, CVPR 2021, section 3.1. This is its
light variant (section 5.2): a fast segmentation network and a small generator (`resynthesis`). Dispersion maps are the
softmax entropy, the softmax distance (equations 1 and 2) and the perceptual difference v (equation 3), the latter as
v / (1 + v), because the paper does not say how it comes to [0, 1]. Image, classes and maps are read at half the size
of the segmentation network's input, as in the paper.

`synboost` is the ensemble of the network with the three maps (section 3.3; `ensemble.py`). `resynthesis_network` is the
same network without the maps, which learns from swapped labels alone (Resynthesis++, appendix A.2).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.resynthesis import ResynthesisHead
from fishy_ros.training.heads.spec import Statistics
from fishy_ros.training.heads.statistics import class_statistics, softmax_distance
from fishy_ros.training.heads.synboost_network import Compared, ResynthesisNetwork, SynBoostNetwork, divisor_of
from fishy_ros.training.nets.blocks import upsample
from fishy_ros.training.nets.network import NetOutput


class Synthesis(nn.Module):
    """What the network reads, of a segmentation network, a generator and a map of classes."""

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        super().__init__()
        self.model = model
        self.resynthesis = ResynthesisHead(model, statistics.of("resynthesis"))

    def forward(self, image: Tensor, logits: Tensor, classes: Tensor) -> Compared:
        """Synthesise from `classes` `[B, C, h, w]` and compare; dispersion comes from the network's own `logits`."""
        made: Tensor = self.resynthesis.generator(classes)
        difference = self.resynthesis.difference(image, made)
        dispersion = dispersion_maps(logits, difference)
        half = self.model.normalise(F.avg_pool2d(image, 2))
        return Compared(half, upsample(made, 2), nearest_twice(classes), upsample(dispersion, 2))


def dispersion_maps(logits: Tensor, difference: Tensor) -> Tensor:
    """Entropy, distance and perceptual difference of pixels, each in [0, 1]: `[B, 3, h, w]`."""
    known = class_statistics(logits)
    squashed = difference / (1 + difference)
    return torch.cat([known.entropy, softmax_distance(known.probabilities), squashed], dim=1)


def predicted_classes(logits: Tensor) -> Tensor:
    """One where a class has the largest logit, the first of them where several have it: float `[B, C, h, w]`."""
    winner = logits.argmax(dim=1, keepdim=True)
    numbers = torch.arange(logits.shape[1], device=logits.device).view(1, -1, 1, 1)
    return (winner == numbers).float()


def nearest_twice(x: Tensor) -> Tensor:
    """Repeat every pixel of `[B, C, h, w]` as a square of four."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class SynBoostHead(nn.Module):
    """Logit of difference less that of sameness."""

    measure = "synboost"
    build_network: type[SynBoostNetwork] = SynBoostNetwork

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        super().__init__()
        self.synthesis = Synthesis(model, statistics)
        tensors = statistics.of(self.measure)
        self.network = self.build_network(model.net.classes, divisor_of(tensors))
        self.network.load_state_dict(tensors)
        self.network.requires_grad_(False).eval()

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, unbounded."""
        decided = self.network(self.synthesis(image, logits, predicted_classes(logits)))
        return difference_logit(decided)


class ResynthesisNetworkHead(SynBoostHead):
    """Likewise, without dispersion maps."""

    measure = "resynthesis_network"
    build_network = ResynthesisNetwork


def difference_logit(decided: Tensor) -> Tensor:
    """Return the logit of difference less that of sameness, `[B, 2, 2 h, 2 w]` to `[B, h, w]`."""
    return F.avg_pool2d(decided[:, 1:] - decided[:, :1], 2).squeeze(1)
