"""Train a second network beside a trained model that stays as it is: what some heads read.

Configurations name it (`task: synboost`); data, objects, stages and the learning rate mean what they mean for the
first. The result is a file of statistics, which `fishy evaluate --statistics` reads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fishy_ros.errors import ConfigError
from fishy_ros.files import file_sha256
from fishy_ros.training.checkpoint import load_model
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.crops import Crop, CropStream, crop_augment
from fishy_ros.training.heads.autoencoder import Autoencoder, reconstruction_loss
from fishy_ros.training.heads.model import AnomalyModel, initialise
from fishy_ros.training.heads.resynthesis import Generator, backbone_of, synthesis_loss
from fishy_ros.training.heads.spec import Statistics
from fishy_ros.training.heads.statistics import class_statistics
from fishy_ros.training.heads.synboost_network import ResynthesisNetwork, SynBoostNetwork
from fishy_ros.training.heads.synboost_training import SwappedLabelsLoss, SynBoostLoss
from fishy_ros.training.object_bank import load_object_bank
from fishy_ros.training.statistics import load_statistics, save_statistics

STATISTICS_FILE = "statistics.safetensors"
BETAS: tuple[float, float] = (0.5, 0.999)
"""Adam's, as in the published code of SynBoost."""


class Task:
    """A second network, and what it learns of a batch of crops."""

    measure: str
    """Name of its weights among the statistics."""

    def __init__(self, model: AnomalyModel, network: nn.Module) -> None:
        self.model = model
        self.network = network

    def to(self, device: str) -> None:
        """Move everything that computes."""
        self.network.to(device)

    def loss(self, batch: Crop) -> Tensor:
        """Return what is to become small."""
        raise NotImplementedError


class AutoencoderTask(Task):
    """Reconstruct crops at half the size; see `heads/autoencoder.py`."""

    measure = "autoencoder"

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        super().__init__(model, Autoencoder())

    def loss(self, batch: Crop) -> Tensor:
        """Mean squared error."""
        return reconstruction_loss(self.network, F.avg_pool2d(batch.image.float(), 2))


class ResynthesisTask(Task):
    """Synthesise crops from the classes that the model predicts; see `heads/resynthesis.py`."""

    measure = "resynthesis"

    def __init__(self, model: AnomalyModel, statistics: Statistics) -> None:
        super().__init__(model, Generator(model.net.classes))
        self.net = backbone_of(model)

    def loss(self, batch: Crop) -> Tensor:
        """Absolute error and perceptual difference."""
        image = batch.image.float()
        with torch.no_grad():
            probabilities = class_statistics(self.model.net(self.model.normalise(image)).logits).probabilities
        return synthesis_loss(self.net, self.network, probabilities, self.model.normalise(F.avg_pool2d(image, 4)))


class SynBoostTask(Task):
    """Find where image and synthesis differ; see `heads/synboost.py`. The generator must be trained before."""

    measure = "synboost"
    build_loss: type[SynBoostLoss] = SynBoostLoss
    build_network: type[SynBoostNetwork] = SynBoostNetwork

    def __init__(self, model: AnomalyModel, statistics: Statistics, divisor: int = 4) -> None:
        self.second = self.build_network(model.net.classes, divisor)
        super().__init__(model, self.second)
        self.balanced = self.build_loss(model, statistics)

    def to(self, device: str) -> None:
        """Move everything that computes, the generator, too."""
        super().to(device)
        self.balanced.synthesis.to(device)

    def loss(self, batch: Crop) -> Tensor:
        """Cross entropy of swapped labels and, for SynBoost, of objects without a class."""
        return self.balanced(self.second, batch.image.float(), batch.labels, batch.outlier)


class ResynthesisNetworkTask(SynBoostTask):
    """Likewise without dispersion maps, from swapped labels alone."""

    measure = "resynthesis_network"
    build_loss = SwappedLabelsLoss
    build_network = ResynthesisNetwork


TASKS: dict[str, Callable[[AnomalyModel, Statistics], Task]] = {
    "autoencoder": AutoencoderTask,
    "resynthesis": ResynthesisTask,
    "resynthesis_network": ResynthesisNetworkTask,
    "synboost": SynBoostTask,
    "synboost_full": lambda model, statistics: SynBoostTask(model, statistics, divisor=1),
}
"""`synboost_full` has the paper's widths, 20 million parameters: for a GPU, or for patience."""


def train_second_network(
    config: TrainConfig, weights: Path, out: Path, device: str, progress: Callable[[float, float], None]
) -> Path:
    """Train what `config.task` names beside the model of `weights`.

    Args:
        config: of the training.
        weights: a weights file or a checkpoint.
        out: folder of `statistics.safetensors`, to which the result is added; what is there may be read.
        device: `cpu`, `cuda` or `cuda:N`.
        progress: called after every step with the share that is done, and the loss.

    Returns:
        The file of statistics.

    Raises:
        ConfigError: the task is unknown, or needs another one to be trained before.
        TrainingError: data or weights cannot be read.
    """
    if config.task not in TASKS:
        raise ConfigError(f"task {config.task!r} is unknown; known are {sorted(TASKS)}")
    path, sha256 = out / STATISTICS_FILE, file_sha256(weights)
    statistics = load_statistics(path, sha256)
    model = load_model(weights).requires_grad_(False).to(device)
    task = TASKS[config.task](model, statistics)
    initialise(task.network, config.seed)
    task.to(device)
    schedule, optimiser = config.schedule(), torch.optim.Adam(task.network.parameters(), 1.0, BETAS)
    sources = config.open_sources()
    bank = load_object_bank(Path(config.data), config.bank, config.cache_folder)
    crops = 0
    task.network.train()
    for number, stage in enumerate(config.stages):
        stream = CropStream(sources, bank, crop_augment(config.augment, stage), config.paste, config.seed + number)
        batches = iter(DataLoader(stream, stage.batch))
        while crops < schedule.total and schedule.stage(crops) == stage:
            for group in optimiser.param_groups:
                group["lr"] = config.optimiser.learning_rate * schedule.rate(crops, crops)
            loss = task.loss(Crop(*(tensor.to(device) for tensor in next(batches))))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(task.network.parameters(), config.optimiser.gradient_norm)
            optimiser.step()
            crops += stage.batch
            progress(crops / schedule.total, float(loss.detach()))
    statistics.add(task.measure, {name: value.cpu() for name, value in task.network.state_dict().items()})
    save_statistics(path, statistics, sha256)
    return path
