"""`resynthesis`: the perceptual difference between an image and what its predicted classes look like.

Image resynthesis (Lis et al., Detecting the Unexpected via Image Resynthesis, ICCV 2019; Fishyscapes, section 4.3) in
the light form of SynBoost (Di Biase et al., CVPR 2021): a generator makes an image from the class probabilities, and
equation 3 compares the two by the features of a network. Unlike there, the generator learns by the perceptual
difference and the mean absolute error alone, without a discriminator, at a quarter of the size; and the features are
those of the segmentation network's own stages instead of VGG's, which no package registry offers. The dissimilarity
network behind it (section 3.1.3) is `synboost`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.errors import ConfigError, TrainingError
from fishy_ros.training.heads.model import AnomalyModel, initialise
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.training.heads.statistics import class_statistics
from fishy_ros.training.nets.blocks import ConvNormAct, upsample
from fishy_ros.training.nets.fishy_net import FishyNet
from fishy_ros.training.nets.network import NetOutput

WIDTH: int = 32
STEPS: int = 150
RATE: float = 2e-3
CROP: tuple[int, int] = (32, 64)
"""Size of the probabilities of a training crop, at 1/4 of the image."""


class Generator(nn.Module):
    """Make a normalised image `[B, 3, h, w]` from class probabilities `[B, C, h, w]`, h and w multiples of 8."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.entry = ConvNormAct(classes, WIDTH)
        self.context = nn.Sequential(nn.AvgPool2d(4), ConvNormAct(WIDTH, WIDTH), ConvNormAct(WIDTH, WIDTH, dilation=2))
        self.join = ConvNormAct(2 * WIDTH, WIDTH)
        self.to_image = nn.Conv2d(WIDTH, 3, 3, padding=1)

    def forward(self, probabilities: Tensor) -> Tensor:
        """Synthesise."""
        x = self.entry(probabilities)
        image: Tensor = self.to_image(self.join(torch.cat([x, upsample(self.context(x), 4)], dim=1)))
        return image


def stages(net: FishyNet, image: Tensor) -> list[Tensor]:
    """Features of the first three stages of a network, at 1/2, 1/4 and 1/8 of a normalised image."""
    x2 = net.stem(image)
    x4 = net.stage4(x2)
    return [x2, x4, net.stage8(x4)]


def perceptual_difference(net: FishyNet, image: Tensor, synthesis: Tensor) -> list[Tensor]:
    """Mean absolute difference of the features of every stage, `[B, 1, h, w]` each: the terms of equation 3."""
    pairs = zip(stages(net, image), stages(net, synthesis), strict=True)
    return [(real - made).abs().mean(dim=1, keepdim=True) for real, made in pairs]


def backbone_of(model: AnomalyModel) -> FishyNet:
    """Return the network whose stages are compared.

    Raises:
        ConfigError: it has none that are known.
    """
    if not isinstance(model.net, FishyNet):
        raise ConfigError(f"resynthesis reads the stages of FishyNet, found {type(model.net).__name__}")
    return model.net


class ResynthesisMeasure:
    """Train a generator on normal images; `finish` gives its weights.

    Raises:
        ConfigError: the network is no FishyNet.
    """

    def __init__(self, model: AnomalyModel, statistics: Statistics, steps: int = STEPS) -> None:
        self.model = model
        self.net = backbone_of(model)
        self.steps = steps
        self.pairs: list[tuple[Tensor, Tensor]] = []

    def observe(self, seen: Observation) -> None:
        """Keep probabilities and the image, both at 1/4."""
        probabilities = class_statistics(seen.net.logits).probabilities.half()
        self.pairs.append((probabilities, F.avg_pool2d(seen.image, 4).half()))

    def finish(self) -> dict[str, Tensor]:
        """Train on random crops.

        Raises:
            TrainingError: no image was seen.
        """
        if not self.pairs:
            raise TrainingError("no image was given to train a generator on")
        random = torch.Generator().manual_seed(0)
        generator = Generator(self.model.net.classes)
        initialise(generator, 0)
        optimiser = torch.optim.Adam(generator.parameters(), RATE)
        with torch.enable_grad():
            for _ in range(self.steps):
                crops = [self._crop(random) for _ in range(2)]
                probabilities, small = (torch.cat(parts).float() for parts in zip(*crops, strict=True))
                loss = synthesis_loss(self.net, generator, probabilities, self.model.normalise(small))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return {name: value.detach().clone() for name, value in generator.state_dict().items()}

    def _crop(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        pair = self.pairs[int(torch.randint(len(self.pairs), (1,), generator=random))]
        height, width = (min(side, int(have) // 8 * 8) for side, have in zip(CROP, pair[0].shape[2:], strict=True))
        top = int(torch.randint(pair[0].shape[2] - height + 1, (1,), generator=random))
        left = int(torch.randint(pair[0].shape[3] - width + 1, (1,), generator=random))
        box = (slice(None), slice(None), slice(top, top + height), slice(left, left + width))
        return pair[0][box], pair[1][box]


def synthesis_loss(net: FishyNet, generator: nn.Module, probabilities: Tensor, real: Tensor) -> Tensor:
    """Mean absolute error plus perceptual difference of a synthesis to the normalised image `real`, both at 1/4."""
    made = generator(probabilities)
    difference = perceptual_difference(net, upsample(real, 4), upsample(made, 4))
    return F.l1_loss(made, real) + torch.stack([term.mean() for term in difference]).sum()


class ResynthesisHead(nn.Module):
    """Sum over stages of the difference between the image at 1/4, enlarged, and its synthesis, enlarged alike."""

    def __init__(self, model: AnomalyModel, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.model = model
        self.net = backbone_of(model)
        self.generator = Generator(model.net.classes)
        self.generator.load_state_dict(dict(tensors))
        self.generator.requires_grad_(False).eval()

    def forward(self, logits: Tensor, features: NetOutput, image: Tensor) -> Tensor:
        """Score `[B, h, w]`, not negative."""
        made: Tensor = self.generator(class_statistics(logits).probabilities)
        return self.difference(image, made).squeeze(1)

    def difference(self, image: Tensor, made: Tensor) -> Tensor:
        """Equation 3 for an image and a normalised synthesis at 1/4, `[B, 1, h, w]`."""
        real = upsample(self.model.normalise(F.avg_pool2d(image, 4)), 4)
        half, quarter, eighth = perceptual_difference(self.net, real, upsample(made, 4))
        return F.avg_pool2d(half, 2) + quarter + upsample(eighth, 2)
