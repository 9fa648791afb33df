"""Checkpoints: everything that a run needs to go on, without code inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from fishy_ros.errors import TrainingError
from fishy_ros.files import replacing
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.nets.registry import NETWORKS

NETWORK = "network"
"""Key of the metadata of a weights file that names its network."""

CROPS = "crops"
"""Key of the metadata of a weights file that says how many crops the network has seen."""

TRAINING = "training"
"""Key of the metadata of a weights file that names the configuration it was trained with."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `crops` crops; `first_crop` is where its optimiser began."""

    crops: int
    first_crop: int
    size: str
    model: dict[str, Tensor]
    averaged: dict[str, Tensor]
    optimiser: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a crash in between leaves the old one."""
    with _replacing(path) as temporary:
        torch.save(checkpoint.__dict__, temporary)


def load_checkpoint(path: Path, network: str | None = None) -> Checkpoint:
    """Read a checkpoint; only tensors and plain values are accepted.

    Raises:
        TrainingError: the file is missing or damaged, holds something else, or is of another network than `network`.
    """
    try:
        checkpoint = Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises several unrelated types for damaged files
        raise TrainingError(f"{path}: not a readable checkpoint: {error}") from error
    if network not in {None, checkpoint.size}:
        raise TrainingError(f"{path}: checkpoint of network {checkpoint.size!r}; expected {network!r}")
    return checkpoint


def save_weights(path: Path, model: nn.Module, crops: int, half: bool = False, training: str = "") -> None:
    """Write weights alone as safetensors, for another run to start from or to make a package of.

    The file says how many crops the network has seen, and the name of the configuration, `training`. With `half`, it
    holds them in half precision.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if half:
        weights = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    with _replacing(path) as temporary:
        save_file(weights, temporary, metadata={NETWORK: str(model.size), CROPS: str(crops), TRAINING: training})


def seen_crops(path: Path) -> int:
    """Tell how many crops the network had seen whose weights `save_weights` wrote.

    Raises:
        TrainingError: the file is missing or damaged, or does not say it.
    """
    crops = _metadata(path).get(CROPS, "")
    if not crops.isdecimal():
        raise TrainingError(
            f"{path}: does not say how many crops it was trained on, so training cannot continue from it"
        )
    return int(crops)


def training_of(path: Path) -> str:
    """Name the configuration that weights were trained with; empty for a checkpoint or a file that does not say it.

    Raises:
        TrainingError: the file is missing or damaged.
    """
    return _metadata(path).get(TRAINING, "") if path.suffix == ".safetensors" else ""


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Replace a file as `files.replacing` does, with the errors of torch and safetensors as `TrainingError`."""
    try:
        with replacing(path) as temporary:
            temporary.touch()
            mode = temporary.stat().st_mode
            yield temporary
            temporary.chmod(mode)  # safetensors lets nobody else read what it writes
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"{path}: cannot be written: {error}") from error


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: not readable weights: {error}") from error


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


def load_model(path: Path) -> AnomalyModel:
    """Read weights (`.safetensors`) or the averaged weights of a checkpoint into a model in evaluation mode.

    Raises:
        TrainingError: as `load_checkpoint`, or the weights are of another network.
    """
    if path.suffix == ".safetensors":
        model = AnomalyModel(network_of(path))
        load_weights(path, model)
        return _finite(model, path)
    checkpoint = load_checkpoint(path)
    average = AveragedModel(AnomalyModel(_known(checkpoint.size, path)))
    try:
        average.load_state_dict(checkpoint.averaged)
    except RuntimeError as error:
        raise TrainingError(f"{path}: weights do not fit network {checkpoint.size!r}: {error}") from error
    return _finite(cast(AnomalyModel, average.module), path)


def are_finite(values: Iterable[Tensor]) -> bool:
    """Tell whether no number of some tensors is NaN or infinite."""
    return all(bool(torch.isfinite(value).all()) for value in values)


def _finite(model: AnomalyModel, path: Path) -> AnomalyModel:
    if not are_finite(model.parameters()):
        raise TrainingError(f"{path}: holds weights that are not finite; has the training diverged?")
    return model.eval()


def network_of(path: Path) -> str:
    """Tell the network whose weights `save_weights` wrote.

    Raises:
        TrainingError: the file is missing or damaged, or names no known network.
    """
    network = _metadata(path).get(NETWORK)
    return _known(network, path)


@contextmanager
def _weights_of(network: str, path: Path) -> Iterator[dict[str, Tensor]]:
    """Read weights; name file and network where they cannot be read, or do not fit what is done with them."""
    try:
        yield load_file(path)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"{path}: not weights of network {network!r}: {error}") from error


def _known(network: str | None, path: Path) -> str:
    if network not in NETWORKS:
        raise TrainingError(f"{path}: weights of network {network!r}; known are {sorted(NETWORKS)}")
    return network


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
