"""What a segmentation network is to its heads, whatever its design."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from fishy_ros.errors import ConfigError


class LinearFeatures(NamedTuple):
    """Decoder features before the rectifier, which cuts the lower half of their distribution off.

    Densities need them: Fishyscapes (Blum et al., IJCV 2021), appendix B.6.
    """

    deep: Tensor
    """Float `[B, semantic, H/16, W/16]`."""
    semantic: Tensor
    """Float `[B, semantic, H/8, W/8]`."""
    detail: Tensor
    """Float `[B, detail, H/4, W/4]`."""


class NetOutput(NamedTuple):
    """What the network hands to its heads."""

    logits: Tensor
    """Class logits, float `[B, classes, H/4, W/4]`."""
    semantic: Tensor
    """Decoder features, float `[B, semantic, H/8, W/8]`."""
    detail: Tensor
    """Fine decoder features, float `[B, detail, H/4, W/4]`."""
    linear: LinearFeatures | None = None
    """Decoder features before the rectifier; None where a design does not offer them."""
    extra: Tensor | None = None
    """One more output per pixel, float `[B, 1, H/4, W/4]`, of variants that have one."""


VARIANTS: tuple[str, ...] = ("maxent", "void", "background", "dirichlet", "confidence", "bayesian", "pebal")
"""What a network can be trained for beside its classes; see `fishy_ros.training.ood_losses`."""


class Network(nn.Module):
    """A segmentation network; its subclasses are the designs.

    The input is float `[B, 3, H, W]`, normalised, H and W multiples of `multiple`.
    """

    multiple: int = 32
    """Height and width of an image divide by this."""

    def __init__(self, classes: int, semantic: int, detail: int) -> None:
        """Note how many classes and how many channels of either kind of features `forward` returns."""
        super().__init__()
        self.classes = classes
        self.semantic = semantic
        self.detail = detail
        self.variant: str | None = None

    def forward(self, image: Tensor) -> NetOutput:
        """Map a normalised image `[B, 3, H, W]` to logits and features.

        Raises:
            ConfigError: height or width does not divide by `multiple`.
        """
        height, width = (int(side) for side in image.shape[2:])
        if height % self.multiple or width % self.multiple:
            raise ConfigError(
                f"{type(self).__name__}: an image of {height}x{width}; expected multiples of {self.multiple}"
            )
        return self.segment(image)

    def segment(self, image: Tensor) -> NetOutput:
        """Do what `forward` promises with an image of a valid size."""
        raise NotImplementedError
