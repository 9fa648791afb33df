"""The training loop: crops in, checkpoints, curves and pictures out; it resumes where it stopped."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fishy_ros.errors import ConfigError
from fishy_ros.training.checkpoint import (
    Checkpoint,
    load_backbone_weights,
    load_checkpoint,
    load_network_weights,
    load_weights,
    network_of,
    save_checkpoint,
    save_weights,
)
from fishy_ros.training.class_balance import class_shares, class_weights
from fishy_ros.training.config import OptimiserConfig, TrainConfig
from fishy_ros.training.crops import Crop, CropStream
from fishy_ros.training.heads.model import AnomalyModel, initialise
from fishy_ros.training.losses import total_loss
from fishy_ros.training.nets.registry import BACKBONES
from fishy_ros.training.object_bank import load_object_bank
from fishy_ros.training.parallel import average_gradients, rank
from fishy_ros.training.pictures import write_prediction_picture
from fishy_ros.training.sources import TrainingSource, open_sources
from fishy_ros.training.validation import validate

PRECISIONS = ("auto", "float32", "bfloat16")

Progress = Callable[[int, int, dict[str, float]], None]
"""Called after every step with the step, the number of steps and the terms of the loss."""


class Trainer:
    """Train one network; `out` gets `last.pt`, `curves.csv`, `predictions.png`, and `weights.safetensors` at the end.

    `weights-STEP.safetensors` are kept as often as the configuration says. Where it names labelled sets to watch, their
    scores go into `validation.csv`.
    """

    def __init__(self, config: TrainConfig, out: Path, device: str) -> None:
        settings = config.optimiser
        self.config = config
        self.out = out
        self.device = torch.device(device)
        self.model = AnomalyModel(config.size)
        initialise(self.model, config.seed)
        self.model = self.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = AnomalyModel(config.size).to(self.device)
        self.ema.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.AdamW(
            _parameter_groups(self.model, settings.weight_decay), lr=settings.learning_rate
        )
        self.mixed = uses_bfloat16(settings.precision, self.device.type)
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

    def start_from(self, weights: Path, new_head: bool = False) -> None:
        """Begin with trained weights instead of random ones; with `new_head` the learned head starts anew.

        A cascade also starts from the weights of the network inside, of which it takes the head, too.

        Raises:
            TrainingError: they are missing or of another network.
            ConfigError: a cascade is to start without the trained head.
        """
        backbone = BACKBONES.get(self.config.size)
        if backbone is not None and new_head:
            raise ConfigError(f"network {self.config.size!r} refines the head of {backbone!r}, so it cannot start anew")
        if backbone is not None and network_of(weights) == backbone:
            load_backbone_weights(weights, self.model)
        elif new_head:
            load_network_weights(weights, self.model)
        else:
            load_weights(weights, self.model)
        self.ema.load_state_dict(self.model.state_dict())

    def run(self, progress: Progress) -> None:
        """Train until the configured number of steps is reached."""
        settings = self.config.optimiser
        sources = open_sources(Path(self.config.data), self.config.sources, self.config.max_width)
        batches = self._batches(sources)
        weights = self._class_weights(sources)
        self.model.train()
        started = time.monotonic()
        while self.step < settings.steps:
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.step, settings)
            terms, batch = self._optimise(batches, weights, settings)
            self.step += 1
            self._average(settings.ema)
            progress(self.step, settings.steps, terms)
            validation = self.config.validation
            if validation.every and self.step % validation.every == 0 and rank() == 0:
                self._write_row("validation.csv", validate(self.ema, validation, Path(self.config.data)))
            if self.config.keep_steps and self.step % self.config.keep_steps == 0 and rank() == 0:
                save_weights(self.out / f"weights-{self.step}.safetensors", self.ema)
            due = self.step % self.config.checkpoint_steps == 0 or self.step == settings.steps
            if due and rank() == 0:
                self.save()
                rate = learning_rate(self.step - 1, settings)
                self._write_row("curves.csv", {"seconds": time.monotonic() - started, "learning_rate": rate, **terms})
                write_prediction_picture(self.ema, batch, self.out / "predictions.png")
        if rank() == 0:
            save_weights(self.out / "weights.safetensors", self.ema)

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

    def _class_weights(self, sources: Sequence[TrainingSource]) -> Tensor | None:
        constant, classes = self.config.loss.rare_classes, self.model.net.classes
        return None if constant is None else class_weights(class_shares(sources, classes), constant).to(self.device)

    def _optimise(
        self, batches: Iterator[Crop], weights: Tensor | None, settings: OptimiserConfig
    ) -> tuple[dict[str, float], Crop]:
        self.optimiser.zero_grad(set_to_none=True)
        for _ in range(settings.accumulate):
            batch = Crop(*(tensor.to(self.device, non_blocking=True) for tensor in next(batches)))
            image = batch.image.float().contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16) if self.mixed else nullcontext():
                output = self.model(image)
            loss, terms = total_loss(self.model, output, batch, self.config.loss, weights)
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

    def _batches(self, sources: Sequence[TrainingSource]) -> Iterator[Crop]:
        config, root = self.config, Path(self.config.data)
        # A resumed run draws new crops instead of repeating the first ones, and every process draws its own.
        seed = config.seed + 7919 * self.step + 104729 * rank()
        stream = CropStream(sources, load_object_bank(root, config.outliers), config.augment, config.paste, seed)
        if config.workers == 0:
            return iter(DataLoader(stream, config.optimiser.batch))
        # OpenCV's thread pool does not survive a fork.
        return iter(
            DataLoader(stream, config.optimiser.batch, num_workers=config.workers, multiprocessing_context="spawn")
        )

    def _write_row(self, name: str, values: Mapping[str, float]) -> None:
        path = self.out / name
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *values])
            writer.writerow([self.step, *(round(value, 5) for value in values.values())])


def learning_rate(step: int, settings: OptimiserConfig) -> float:
    """Warm up linearly, stay constant, decay linearly to zero at the last step."""
    warm = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    decay = min(1.0, (settings.steps - step) / max(1, settings.decay_steps))
    return settings.learning_rate * min(warm, decay)


def uses_bfloat16(precision: str, device_type: str) -> bool:
    """Decide whether convolutions run in bfloat16: where `precision` says so, and for `auto` where it is fast.

    Raises:
        ConfigError: `precision` is none of `auto`, `float32` and `bfloat16`.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"optimiser: precision {precision!r} is unknown; known are {list(PRECISIONS)}")
    if precision == "auto":
        return device_type == "cuda" or cpu_has_bfloat16()
    return precision == "bfloat16"


def cpu_has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 in hardware (x86 with AVX-512 BF16 or AMX, Linux)."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay convolution weights only; biases and normalisation stay free."""
    learning = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in learning if p.ndim > 1]
    free = [p for p in learning if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
