"""Segmentation networks by the name that a training configuration calls them."""

from __future__ import annotations

from collections.abc import Callable

from fishy_ros.errors import ConfigError
from fishy_ros.nets.ddrnet import DdrNet
from fishy_ros.nets.fishy_net import MEDIUM, FishyNet, FishyNetConfig
from fishy_ros.nets.network import Network
from fishy_ros.nets.pidnet import PidNet
from fishy_ros.nets.repvgg import RepVggNet
from fishy_ros.nets.stdc import StdcNet
from fishy_ros.nets.trainable_erfnet import TrainableErfNet

NETWORKS: dict[str, Callable[[], Network]] = {
    "s": lambda: FishyNet(FishyNetConfig()),
    "m": lambda: FishyNet(MEDIUM),
    "ddrnet_slim": DdrNet,
    "pidnet_s": PidNet,
    "stdc": StdcNet,
    "repvgg": RepVggNet,
    "erfnet": TrainableErfNet,
}
"""`s` and `m` are this project's own, the others are designs of other people to compare with."""


def create_network(name: str) -> Network:
    """Build a network with untrained weights.

    Raises:
        ConfigError: no network has that name.
    """
    if name not in NETWORKS:
        raise ConfigError(f"network {name!r} is unknown; known are {sorted(NETWORKS)}")
    return NETWORKS[name]()
