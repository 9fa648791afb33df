"""Checkpoints: everything that a run needs to go on, without code inside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from fishy_ros.errors import TrainingError
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.nets.registry import BACKBONES, NETWORKS

NETWORK = "network"
"""Key of the metadata of a weights file that names its network."""

BACKBONE = "backbone"
"""Attribute by which a cascade holds its backbone, and the head of a cascade that of the backbone."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` optimiser steps."""

    step: int
    size: str
    model: dict[str, Tensor]
    ema: dict[str, Tensor]
    optimiser: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a crash in between leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save(checkpoint.__dict__, temporary)
    os.replace(temporary, path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; only tensors and plain values are accepted.

    Raises:
        TrainingError: the file is missing, damaged or holds something else.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return Checkpoint(**content | {key: _with_current_names(content[key]) for key in ("model", "ema")})
    except Exception as error:  # torch raises several unrelated types for damaged files
        raise TrainingError(f"{path}: not a readable checkpoint: {error}") from error


def save_weights(path: Path, model: AnomalyModel) -> None:
    """Write weights alone as safetensors, for another run to start from or to make a package of."""
    weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, path, metadata={NETWORK: model.size})


def load_weights(path: Path, model: AnomalyModel) -> None:
    """Read weights that `save_weights` wrote into a model of the same size.

    Raises:
        TrainingError: the file is missing, damaged or of another network.
    """
    with _weights_of(model.size, path) as weights:
        missing, unknown = model.load_state_dict(weights, strict=False)
        # The output that a variant has beside the classes starts anew from the weights of the plain network.
        if unknown or any(not name.startswith("net.extra.") for name in missing):
            raise RuntimeError(f"missing {missing[:3]}, unknown {unknown[:3]}")


def load_network_weights(path: Path, model: AnomalyModel) -> None:
    """Read the network's weights alone into a model of the same size, whatever head they were trained with.

    Raises:
        TrainingError: the file is missing, damaged or of another network.
    """
    with _weights_of(model.size, path) as weights:
        model.net.load_state_dict(_part(weights, "net."))


def load_backbone_weights(path: Path, model: AnomalyModel) -> None:
    """Read weights of the network inside a cascade, and of its head, into the cascade; the refinement stays as it is.

    Raises:
        TrainingError: the file is missing, damaged or of another network.
    """
    with _weights_of(BACKBONES[model.size], path) as weights:
        model.net.get_submodule(BACKBONE).load_state_dict(_part(weights, "net."))
        model.head.get_submodule(BACKBONE).load_state_dict(_part(weights, "head."))


def load_model(path: Path) -> AnomalyModel:
    """Read weights (`.safetensors`) or the averaged weights of a checkpoint into a model in evaluation mode.

    Raises:
        TrainingError: as `load_checkpoint`, or the weights are of another network.
    """
    if path.suffix == ".safetensors":
        model = AnomalyModel(network_of(path))
        load_weights(path, model)
        return model.eval()
    checkpoint = load_checkpoint(path)
    model = AnomalyModel(_known(checkpoint.size, path))
    try:
        model.load_state_dict(checkpoint.ema)
    except RuntimeError as error:
        raise TrainingError(f"{path}: weights do not fit network {checkpoint.size!r}: {error}") from error
    return model.eval()


def network_of(path: Path) -> str:
    """Tell the network whose weights `save_weights` wrote.

    Raises:
        TrainingError: the file is missing or damaged, or names no known network.
    """
    try:
        with safe_open(path, "pt") as file:
            network = (file.metadata() or {}).get(NETWORK)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: no readable weights: {error}") from error
    return _known(network, path)


@contextmanager
def _weights_of(network: str, path: Path) -> Iterator[dict[str, Tensor]]:
    """Read weights; name file and network where they cannot be read, or do not fit what is done with them."""
    try:
        yield _with_current_names(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"{path}: no weights of network {network!r}: {error}") from error


def _known(network: str | None, path: Path) -> str:
    if network not in NETWORKS:
        raise TrainingError(f"{path}: weights of network {network!r}; known are {sorted(NETWORKS)}")
    return network


def _with_current_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of earlier releases call the backbone of a cascade its trunk."""
    return {name.replace("trunk", BACKBONE): value for name, value in weights.items()}


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
