"""ERFNet with the outputs that heads need, to be trained like the other designs."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from fishy_ros.evaluation.bench.erfnet import ErfNet, Upsampler
from fishy_ros.training.nets.network import NetOutput, Network


class TrainableErfNet(Network):
    """The whole ERFNet of the paper; its full-resolution logits are averaged over 4x4 px.

    Features at 1/8 are the encoder's, those at 1/4 the decoder's.
    """

    def __init__(self, classes: int = 19) -> None:
        super().__init__(classes, 128, 64)
        layers = list(ErfNet(classes))
        quarter, half = (index for index, layer in enumerate(layers) if isinstance(layer, Upsampler))
        self.encoder = nn.Sequential(*layers[:quarter])
        self.to_quarter = nn.Sequential(*layers[quarter:half])
        self.to_full = nn.Sequential(*layers[half:])

    def segment(self, image: Tensor) -> NetOutput:
        """Run encoder and decoder."""
        semantic = self.encoder(image)
        detail = self.to_quarter(semantic)
        return NetOutput(F.avg_pool2d(self.to_full(detail), 4), semantic, detail)
