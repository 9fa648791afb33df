"""The training loop: crops in, checkpoints, curves and pictures out; it resumes where it stopped."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from fishy_ros.heads.model import AnomalyModel, initialise
from fishy_ros.training.checkpoint import Checkpoint, load_checkpoint, load_weights, save_checkpoint, save_weights
from fishy_ros.training.config import OptimiserConfig, TrainConfig
from fishy_ros.training.crops import Crop, CropStream
from fishy_ros.training.library import load_library
from fishy_ros.training.losses import total_loss
from fishy_ros.training.parallel import average_gradients, rank
from fishy_ros.training.pictures import write_prediction_picture
from fishy_ros.training.sources import open_sources

Progress = Callable[[int, int, dict[str, float]], None]
"""Called after every step with the step, the number of steps and the terms of the loss."""


class Trainer:
    """Train one network; `out` gets `last.pt`, `curves.csv`, `predictions.png` and at the end `weights.safetensors`."""

    def __init__(self, config: TrainConfig, out: Path, device: str) -> None:
        self.config = config
        self.out = out
        self.device = torch.device(device)
        self.model = AnomalyModel(config.size)
        initialise(self.model, config.seed)
        self.model = self.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = AnomalyModel(config.size).to(self.device)
        self.ema.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.AdamW(
            _parameter_groups(self.model, config.optimiser.weight_decay), lr=config.optimiser.learning_rate
        )
        self.step = 0

    @property
    def checkpoint_path(self) -> Path:
        """Where the newest checkpoint lies."""
        return self.out / "last.pt"

    def resume(self) -> None:
        """Continue from the newest checkpoint of `out`, if there is one."""
        if not self.checkpoint_path.exists():
            return
        checkpoint = load_checkpoint(self.checkpoint_path)
        self.model.load_state_dict(checkpoint.model)
        self.ema.load_state_dict(checkpoint.ema)
        self.optimiser.load_state_dict(checkpoint.optimiser)
        self.step = checkpoint.step

    def start_from(self, weights: Path) -> None:
        """Begin with trained weights instead of random ones.

        Raises:
            TrainingError: they are missing or of another network.
        """
        load_weights(weights, self.model)
        self.ema.load_state_dict(self.model.state_dict())

    def run(self, progress: Progress) -> None:
        """Train until the configured number of steps is reached."""
        settings = self.config.optimiser
        batches = self._batches()
        self.model.train()
        started = time.monotonic()
        while self.step < settings.steps:
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.step, settings)
            terms, batch = self._optimise(batches, settings)
            self.step += 1
            self._average(settings.ema)
            progress(self.step, settings.steps, terms)
            due = self.step % self.config.checkpoint_steps == 0 or self.step == settings.steps
            if due and rank() == 0:
                self.save()
                self._log(terms, time.monotonic() - started)
                write_prediction_picture(self.ema, batch, self.out / "predictions.png")
        if rank() == 0:
            save_weights(self.out / "weights.safetensors", self.ema.state_dict())

    def save(self) -> None:
        """Write the newest checkpoint."""
        state = Checkpoint(
            self.step,
            self.config.size,
            self.model.state_dict(),
            self.ema.state_dict(),
            self.optimiser.state_dict(),
        )
        save_checkpoint(self.checkpoint_path, state)

    def _optimise(self, batches: Iterator[Crop], settings: OptimiserConfig) -> tuple[dict[str, float], Crop]:
        self.optimiser.zero_grad(set_to_none=True)
        mixed = torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()
        for _ in range(settings.accumulate):
            batch = Crop(*(tensor.to(self.device, non_blocking=True) for tensor in next(batches)))
            image = batch.image.float().contiguous(memory_format=torch.channels_last)
            with mixed:
                output = self.model(image)
            loss, terms = total_loss(self.model, output, batch, self.config.loss)
            (loss / settings.accumulate).backward()
        average_gradients(self.model.parameters())
        nn.utils.clip_grad_norm_(self.model.parameters(), settings.gradient_norm)
        self.optimiser.step()
        return terms, batch

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        decay = min(decay, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.ema.state_dict().values(), self.model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    def _batches(self) -> Iterator[Crop]:
        config, root = self.config, Path(self.config.data)
        # A resumed run draws new crops instead of repeating the first ones, and every process draws its own.
        seed = config.seed + 7919 * self.step + 104729 * rank()
        stream = CropStream(
            open_sources(root, config.sources), load_library(root, config.outliers), config.augment, config.paste, seed
        )
        if config.workers == 0:
            return iter(DataLoader(stream, config.optimiser.batch))
        # OpenCV's thread pool does not survive a fork.
        return iter(
            DataLoader(stream, config.optimiser.batch, num_workers=config.workers, multiprocessing_context="spawn")
        )

    def _log(self, terms: dict[str, float], seconds: float) -> None:
        path = self.out / "curves.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "seconds", "learning_rate", *terms])
            rate = learning_rate(self.step - 1, self.config.optimiser)
            writer.writerow([self.step, round(seconds), rate, *(round(value, 5) for value in terms.values())])


def learning_rate(step: int, settings: OptimiserConfig) -> float:
    """Warm up linearly, stay constant, decay linearly to zero at the last step."""
    warm = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    decay = min(1.0, (settings.steps - step) / max(1, settings.decay_steps))
    return settings.learning_rate * min(warm, decay)


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay convolution weights only; biases and normalisation stay free."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
