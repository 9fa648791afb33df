"""The last layer of a network, for heads that change the features before it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from fishy_ros.errors import ConfigError
from fishy_ros.training.nets.fishy_net import FishyNet
from fishy_ros.training.nets.network import Network


class Classifier(NamedTuple):
    """Logits are `weight` `[C, D]` times the fine features plus `bias` `[C]`."""

    weight: Tensor
    bias: Tensor


def classifier_of(net: Network) -> Classifier:
    """Return the layer that turns fine features into logits.

    Raises:
        ConfigError: the logits of this design are no linear function of the fine features alone.
    """
    if isinstance(net, FishyNet):
        layer = net.classifier
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            return Classifier(layer.weight.detach()[:, :, 0, 0].clone(), layer.bias.detach().clone())
    raise ConfigError(f"{type(net).__name__}: its logits are no linear function of the fine features alone")
