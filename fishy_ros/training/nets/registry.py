"""Segmentation networks by the name that a training configuration calls them."""

from __future__ import annotations

from collections.abc import Callable

from fishy_ros.errors import ConfigError
from fishy_ros.training.nets.cascade import CascadeConfig, CascadeNet
from fishy_ros.training.nets.fishy_net import FishyNet, FishyNetConfig
from fishy_ros.training.nets.network import VARIANTS, Network


def _variant(name: str) -> Callable[[], Network]:
    return lambda: FishyNet(FishyNetConfig(variant=name))


NETWORKS: dict[str, Callable[[], Network]] = {
    "s": lambda: FishyNet(FishyNetConfig()),
    **{f"s_{name}": _variant(name) for name in VARIANTS},
    "m": lambda: CascadeNet(CascadeConfig()),
}
"""`s` for 512x1024, and `m`, which refines it, for 1024x2048; `experiments/designs` adds those of others."""

BACKBONES: dict[str, str] = {"m": "s"}
"""For each cascade the network inside, whose trained weights it starts from."""


def create_network(name: str) -> Network:
    """Build a network with untrained weights.

    Raises:
        ConfigError: no network has that name.
    """
    if name not in NETWORKS:
        raise ConfigError(f"network {name!r} is unknown; known are {sorted(NETWORKS)}")
    return NETWORKS[name]()
