"""Segmentation networks by the name that a training configuration calls them."""

from __future__ import annotations

from collections.abc import Callable

from fishy_ros.errors import ConfigError
from fishy_ros.training.nets.fishy_net import FishyNet, FishyNetConfig
from fishy_ros.training.nets.network import VARIANTS, Network


def _variant(name: str) -> Callable[[], Network]:
    return lambda: FishyNet(FishyNetConfig(variant=name))


NETWORKS: dict[str, Callable[[], Network]] = {
    "s": lambda: FishyNet(FishyNetConfig()),
    **{f"s_{name}": _variant(name) for name in VARIANTS},
}
"""`s` and what it can be trained for beside its classes; `experiments/designs` adds the networks of others."""


def create_network(name: str) -> Network:
    """Build a network with untrained weights.

    Raises:
        ConfigError: no network has that name.
    """
    if name not in NETWORKS:
        raise ConfigError(f"network {name!r} is unknown; known are {sorted(NETWORKS)}")
    return NETWORKS[name]()
