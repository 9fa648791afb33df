"""SynBoost's dissimilarity network (Di Biase et al., CVPR 2021, section 3.1.3 and appendix A.1).

One VGG encoder reads the image and its synthesis, two small ones the map of classes and the dispersion maps. A 1x1
convolution joins the first three at every level, the dispersion features multiply the outcome, and a decoder with
spatially adaptive normalisation says where image and synthesis differ.

`divisor` divides the paper's widths: 4 for a processor, 1 for the paper's own. Unlike there, the encoder starts from
random weights, because no package registry offers those of VGG16 on ImageNet. The appendix gives the dispersion
encoder half the widths of what it multiplies; they must be equal, as in the published code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.training.nets.blocks import ConvNormAct
from fishy_ros.training.nets.spade import Spade

DIVISOR: int = 4
VGG: tuple[tuple[int, int], ...] = ((64, 2), (128, 2), (256, 3), (512, 3))
"""Channels and convolutions of the levels at 1, 1/2, 1/4 and 1/8 of the size that the network reads."""

SEMANTIC: tuple[int, ...] = (32, 64, 128, 256)
SPADE_HIDDEN: int = 128
DISPERSION_MAPS: int = 3
"""Softmax entropy, softmax distance and perceptual difference."""


class Compared(NamedTuple):
    """What the network reads, all of one size, whose sides are multiples of 8."""

    image: Tensor
    """Normalised, float `[B, 3, h, w]`."""
    synthesis: Tensor
    """Likewise."""
    classes: Tensor
    """One where a pixel has a class, float `[B, C, h, w]`."""
    dispersion: Tensor
    """In [0, 1], float `[B, 3, h, w]`."""


class _Decode(nn.Module):
    """Two convolutions, each normalised by the classes, then twice the size: `c sp c sp t` of appendix A.1."""

    def __init__(self, inputs: int, first: int, second: int, classes: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, first, 3, padding=1)
        self.norm1 = Spade(first, classes, hidden)
        self.second = nn.Conv2d(first, second, 3, padding=1)
        self.norm2 = Spade(second, classes, hidden)
        self.enlarge = nn.ConvTranspose2d(second, second, 2, stride=2)

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """Map `[B, inputs, h, w]` to `[B, second, 2 h, 2 w]`."""
        x = F.selu(self.norm1(self.first(x), classes))
        enlarged: Tensor = self.enlarge(F.selu(self.norm2(self.second(x), classes)))
        return enlarged


class SynBoostNetwork(nn.Module):
    """Logits of sameness and difference, `[B, 2, h, w]`."""

    def __init__(self, classes: int, divisor: int = DIVISOR) -> None:
        super().__init__()
        widths = [width // divisor for width, _ in VGG]
        semantic = [width // divisor for width in SEMANTIC]
        self.image = nn.ModuleList(_vgg_levels(divisor))
        self.semantic = nn.ModuleList(_light_levels(classes, semantic))
        self.dispersion = nn.ModuleList(_light_levels(DISPERSION_MAPS, widths))
        joined = zip(widths, semantic, strict=True)
        self.join = nn.ModuleList(nn.Conv2d(2 * width + extra, width, 1) for width, extra in joined)
        fine, w2, w4, w8 = widths
        hidden = SPADE_HIDDEN // divisor
        self.decode8 = _Decode(w8, w4, w4, classes, hidden)
        self.decode4 = _Decode(w4 + w4, w4, w4, classes, hidden)
        self.decode2 = _Decode(w4 + w2, w4 + w2, w2, classes, hidden)
        self.finish = nn.Sequential(ConvNormAct(w2 + fine, w2 + fine), ConvNormAct(w2 + fine, fine))
        self.decide = nn.Conv2d(fine, 2, 1)

    def forward(self, seen: Compared) -> Tensor:
        """Compare."""
        features = self.fuse(seen)
        smaller = [seen.classes]
        for _ in features[1:]:
            smaller.append(F.avg_pool2d(smaller[-1], 2))
        x = self.decode8(features[3], smaller[3])
        x = self.decode4(torch.cat([x, features[2]], dim=1), smaller[2])
        x = self.decode2(torch.cat([x, features[1]], dim=1), smaller[1])
        logits: Tensor = self.decide(self.finish(torch.cat([x, features[0]], dim=1)))
        return logits

    def fuse(self, seen: Compared) -> list[Tensor]:
        """Return the joined features of every level times those of the dispersion maps."""
        dispersion = _levels(self.dispersion, seen.dispersion)
        return [joined * sure for joined, sure in zip(self.joined(seen), dispersion, strict=True)]

    def joined(self, seen: Compared) -> list[Tensor]:
        """Join image, synthesis and classes at every level."""
        image, synthesis = _levels(self.image, seen.image), _levels(self.image, seen.synthesis)
        parts = zip(self.join, image, synthesis, _levels(self.semantic, seen.classes), strict=True)
        return [join(torch.cat([a, b, c], dim=1)) for join, a, b, c in parts]


class ResynthesisNetwork(SynBoostNetwork):
    """The same network without dispersion maps (Resynthesis++, appendix A.2)."""

    def __init__(self, classes: int, divisor: int = DIVISOR) -> None:
        super().__init__(classes, divisor)
        del self.dispersion

    def fuse(self, seen: Compared) -> list[Tensor]:
        """Return the joined features of every level."""
        return self.joined(seen)


def divisor_of(tensors: dict[str, Tensor]) -> int:
    """Tell by what the widths of a network were divided, from its weights."""
    return SEMANTIC[0] // int(tensors["semantic.0.0.weight"].shape[0])


def _levels(encoder: nn.ModuleList, x: Tensor) -> list[Tensor]:
    found = []
    for level in encoder:
        x = level(x)
        found.append(x)
    return found


def _vgg_levels(divisor: int) -> list[nn.Sequential]:
    inputs, levels = 3, []
    for number, (width, depth) in enumerate(VGG):
        layers: list[nn.Module] = [] if number == 0 else [nn.MaxPool2d(2)]
        for _ in range(depth):
            layers.append(ConvNormAct(inputs, width // divisor))
            inputs = width // divisor
        levels.append(nn.Sequential(*layers))
    return levels


def _light_levels(inputs: int, widths: list[int]) -> list[ConvNormAct]:
    sizes = zip((inputs, *widths[:-1]), widths, strict=True)
    return [ConvNormAct(a, b, stride=1 if number == 0 else 2) for number, (a, b) in enumerate(sizes)]
