"""Network designs of others, trained and exported like our own, to compare with."""

from __future__ import annotations

from collections.abc import Callable

from experiments.designs.ddrnet import DdrNet
from experiments.designs.pidnet import PidNet
from experiments.designs.repvgg import RepVggNet
from experiments.designs.stdc import StdcNet
from experiments.designs.trainable_erfnet import TrainableErfNet
from fishy_ros.training.nets.network import Network
from fishy_ros.training.nets.registry import NETWORKS

DESIGNS: dict[str, Callable[[], Network]] = {
    "ddrnet_slim": DdrNet,
    "pidnet_s": PidNet,
    "stdc": StdcNet,
    "repvgg": RepVggNet,
    "erfnet": TrainableErfNet,
}
"""By the name that `size` in a training configuration may have once `register_designs` was called."""


def register_designs() -> None:
    """Let this process train and load these designs too."""
    NETWORKS.update(DESIGNS)
