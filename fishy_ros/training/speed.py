"""How many crops per second each part of training manages on this machine."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from fishy_ros.files import write_json
from fishy_ros.training.augment import random_crop
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.device_augment.device_images import DeviceImages
from fishy_ros.training.device_augment.stream import makes_crops_on_device
from fishy_ros.training.loop import Trainer
from fishy_ros.training.schedule import StageConfig

WARM_UP_STEPS: int = 3
FEWEST_STEPS: int = 3


@dataclass(frozen=True)
class TrainingSpeed:
    """Crops a second of each part alone and of all together."""

    device: str
    on_device: bool
    """Whether crops are made on the device that trains."""
    bfloat16: bool
    network: str
    height: int
    width: int
    batch: int
    crops_per_second: Mapping[str, float]
    """`cut`: images read, cut and resized; `augmented`: with all that is pasted and changed; `network`: forward,
    backward and the optimiser on one batch; `all`: the training as it runs."""

    def write(self, path: Path, environment: Mapping[str, object]) -> None:
        """Write as JSON with the description of the machine."""
        write_json(path, {"training_speed": asdict(self), "environment": environment})


def measure_training_speed(config: TrainConfig, device: str, stage: StageConfig, seconds: float) -> TrainingSpeed:
    """Run each part for `seconds` after a warm-up, in this process.

    Raises:
        TrainingError: the data is missing or incomplete.
        ConfigError: the configuration is wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, Path(folder), device)
        stream = trainer.batches(stage)
        batch = next(stream)
        weights = trainer.class_weights()
        model = trainer.model.train()
        parts: dict[str, Callable[[], object]] = {
            "cut": _cutter(trainer, stage),
            "augmented": lambda: next(stream),
            "network": lambda: trainer.optimise(model, batch, weights),
            "all": lambda: trainer.optimise(model, next(stream), weights),
        }
        rates = {name: round(stage.batch * _rate(part, trainer.device, seconds), 2) for name, part in parts.items()}
    name = torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else trainer.device.type
    on_device = makes_crops_on_device(config.device_augment, trainer.device, trainer.sources)
    return TrainingSpeed(
        name, on_device, trainer.mixed, config.size, stage.height, stage.width, stage.batch, crops_per_second=rates
    )


def _cutter(trainer: Trainer, stage: StageConfig) -> Callable[[], object]:
    config = trainer.config
    augment = dataclasses.replace(config.augment, height=stage.height, width=stage.width, scale=stage.scale)
    rng = np.random.default_rng(config.seed)
    if makes_crops_on_device(config.device_augment, trainer.device, trainer.sources):
        images = DeviceImages(trainer.sources, trainer.device)
        return lambda: images.draw(stage.batch, augment, rng)
    largest = max(trainer.sources, key=len)
    return lambda: [
        random_crop(largest.load(int(rng.integers(len(largest)))), augment, rng) for _ in range(stage.batch)
    ]


def _rate(part: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Return how often a second `part` runs."""
    for _ in range(WARM_UP_STEPS):
        part()
    _wait(device)
    begin = time.perf_counter()
    for count in itertools.count(1):
        part()
        if count >= FEWEST_STEPS and time.perf_counter() - begin > seconds:
            break
    _wait(device)
    return count / (time.perf_counter() - begin)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
