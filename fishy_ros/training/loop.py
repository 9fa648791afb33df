"""The training loop: crops in, checkpoints and curves out; it resumes where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from fishy_ros.errors import TrainingError
from fishy_ros.training.bfloat16 import uses_bfloat16
from fishy_ros.training.checkpoint import (
    Checkpoint,
    are_finite,
    load_checkpoint,
    load_network_weights,
    load_weights,
    save_checkpoint,
    save_weights,
    seen_crops,
)
from fishy_ros.training.class_balance import class_shares, class_weights
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.crops import Crop, CropStream, crop_augment
from fishy_ros.training.device_augment.stream import DeviceCrops, makes_crops_on_device
from fishy_ros.training.heads.model import AnomalyModel, initialise
from fishy_ros.training.losses import total_loss
from fishy_ros.training.object_bank import load_object_bank
from fishy_ros.training.parallel import agree, distributed, processes, rank
from fishy_ros.training.pictures import write_prediction_picture
from fishy_ros.training.schedule import StageConfig
from fishy_ros.training.teachers import Teachers
from fishy_ros.training.time_budget import TimeBudget
from fishy_ros.training.watch import Watch

Progress = Callable[[float, float, Mapping[str, Tensor]], None]
"""Called after every step with the epoch, the number of epochs and the terms of the loss, still on the device."""


class Trainer:
    """Train one network.

    `out` gets `last.pt`, `averaged.safetensors` (the averaged weights in half precision, from which another machine can
    go on), curves for TensorBoard, `predictions.png`, and `weights.safetensors` at the end.
    """

    def __init__(self, config: TrainConfig, out: Path, device: str) -> None:
        settings = config.optimiser
        self.config = config
        self.out = out
        self.device = torch.device(device)
        self.sources = config.open_sources()
        self.bank = load_object_bank(Path(config.data), config.bank, config.cache_folder)
        self.schedule = config.schedule()
        self.model = AnomalyModel(config.size)
        initialise(self.model, config.seed)
        self.model = self.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = self._average_anew()
        self.teachers = Teachers(config.teachers).to(self.device) if config.teachers is not None else None
        self.optimiser = torch.optim.AdamW(
            _parameter_groups(self.model, settings.weight_decay), lr=settings.learning_rate
        )
        self.mixed = uses_bfloat16(settings.precision, self.device.type)
        self._device_crops: DeviceCrops | None = None
        self.crops = 0
        self.first_crop = 0

    @property
    def epoch(self) -> float:
        """Epochs done so far."""
        return self.schedule.epoch(self.crops)

    @property
    def checkpoint_path(self) -> Path:
        """Where the newest checkpoint lies."""
        return self.out / "last.pt"

    def resume(self) -> bool:
        """Continue from the newest checkpoint of `out`; tell whether there is one.

        Raises:
            TrainingError: it is damaged or of another network.
        """
        if not self.checkpoint_path.exists():
            return False
        checkpoint = load_checkpoint(self.checkpoint_path, self.config.size)
        self.model.load_state_dict(checkpoint.model)
        self.averaged.load_state_dict(checkpoint.averaged)
        self.optimiser.load_state_dict(checkpoint.optimiser)
        self.crops, self.first_crop = checkpoint.crops, checkpoint.first_crop
        return True

    def start_from(self, weights: Path, new_head: bool = False) -> None:
        """Begin a new run with trained weights instead of random ones; with `new_head` the learned head starts anew.

        Raises:
            TrainingError: they are missing or of another network.
        """
        if new_head:
            load_network_weights(weights, self.model)
        else:
            load_weights(weights, self.model)
        self.averaged = self._average_anew()

    def go_on_from(self, averaged: Path) -> None:
        """Continue a run of another machine from its averaged weights: same place in the schedule, new warm-up.

        Raises:
            TrainingError: they are missing, of another network or do not say how far the run was.
        """
        load_weights(averaged, self.model)
        self.averaged = self._average_anew()
        self.crops = self.first_crop = seen_crops(averaged)

    def run(self, progress: Progress, minutes: float | None = None) -> None:
        """Train until the configured number of epochs is reached.

        With `minutes` the run takes as long as that: it walks through the same schedule faster or more slowly.
        """
        model = distributed(self.model)
        scheduler = LambdaLR(self.optimiser, lambda _: self.schedule.rate(self.crops, self.crops - self.first_crop))
        weights = self.class_weights()
        watch = Watch(self.config, self.out, self.epoch) if rank() == 0 else None
        budget = None if minutes is None else TimeBudget(self.schedule, 60 * minutes)
        stage: StageConfig | None = None
        batches: Iterator[Crop] = iter(())
        saved = time.monotonic()
        self.model.train()
        while self.crops < self.schedule.total:
            if stage != (stage := self.schedule.stage(self.crops)):
                batches = self.batches(stage)
            terms, batch = self.optimise(model, next(batches), weights)
            self._advance(stage.batch * processes(), budget)
            self.averaged.update_parameters(self.model)
            scheduler.step()
            progress(self.epoch, self.schedule.epoch(self.schedule.total), terms)
            if watch is None:
                continue
            watch.validate(self._averaged_model, self.crops, self.epoch)
            done = self.crops >= self.schedule.total
            if done or time.monotonic() - saved > 60 * self.config.checkpoint_minutes:
                self._require_finite(terms)
                self.save()
                saved = time.monotonic()
                watch.note(self.crops, {"learning_rate": scheduler.get_last_lr()[0], **terms})
                write_prediction_picture(self._averaged_model, batch, self.out / "predictions.png")
        if watch is not None:
            save_weights(self.out / "weights.safetensors", self.averaged.module, self.crops, training=self.config.name)
            watch.finish(self._averaged_model, self.crops, self.epoch)

    def save(self) -> None:
        """Write the newest checkpoint, and the averaged weights alone in half precision."""
        state = Checkpoint(
            self.crops,
            self.first_crop,
            self.config.size,
            self.model.state_dict(),
            self.averaged.state_dict(),
            self.optimiser.state_dict(),
        )
        save_checkpoint(self.checkpoint_path, state)
        weights = self.out / "averaged.safetensors"
        save_weights(weights, self.averaged.module, self.crops, half=True, training=self.config.name)

    def _require_finite(self, terms: Mapping[str, Tensor]) -> None:
        """Keep what has diverged from taking the place of the last good checkpoint."""
        if not are_finite((*terms.values(), *self.averaged.parameters())):
            losses = ", ".join(f"{name} {float(value):g}" for name, value in terms.items())
            raise TrainingError(
                f"{self.out}: training has diverged at epoch {self.epoch:.2f} ({losses}); lower "
                "optimiser.learning_rate, or bring loss.rare_classes nearer to the shipped configuration"
            )

    @property
    def _averaged_model(self) -> AnomalyModel:
        return cast(AnomalyModel, self.averaged.module)

    def _average_anew(self) -> AveragedModel:
        average = get_ema_multi_avg_fn(self.config.optimiser.ema)
        return AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)

    def class_weights(self) -> Tensor | None:
        """Return the weight of each class in the loss, None where all weigh the same."""
        constant, classes = self.config.loss.rare_classes, self.model.net.classes
        if constant is None:
            return None
        return class_weights(class_shares(self.sources, classes), constant).to(self.device)

    def optimise(self, model: nn.Module, batch: Crop, weights: Tensor | None) -> tuple[dict[str, Tensor], Crop]:
        """Take one step; return the terms of the loss and the batch, both on the device."""
        self.optimiser.zero_grad(set_to_none=True)
        batch = Crop(*(tensor.to(self.device, non_blocking=True) for tensor in batch))
        image = batch.image.float().contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16) if self.mixed else nullcontext():
            output = model(image)
            taught = self.teachers.loss(output, image) if self.teachers is not None else None
        loss, terms = total_loss(self.model, output, batch, self.config.loss, weights)
        if taught is not None:
            loss = loss + taught
            terms["teachers"] = taught.detach()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimiser.gradient_norm)
        self.optimiser.step()
        return terms, batch

    def batches(self, stage: StageConfig) -> Iterator[Crop]:
        """Yield batches of crops for ever."""
        config = self.config
        augment = crop_augment(config.augment, stage)
        # A resumed run draws new crops instead of repeating the first ones, and every process draws its own.
        seed = config.seed + 7919 * self.crops + 104729 * rank()
        if config.paste.on_device and makes_crops_on_device(config.device_augment, self.device, self.sources):
            if self._device_crops is None:
                self._device_crops = DeviceCrops(self.sources, self.bank, config.paste, self.device, config.seed)
            return self._device_crops.batches(augment, stage.batch, seed)
        stream = CropStream(self.sources, self.bank, augment, config.paste, seed)
        if config.workers == 0:
            return iter(DataLoader(stream, stage.batch))
        # OpenCV's thread pool does not survive a fork.
        return iter(DataLoader(stream, stage.batch, num_workers=config.workers, multiprocessing_context="spawn"))

    def _advance(self, seen: int, budget: TimeBudget | None) -> None:
        self.crops = self.crops + seen if budget is None else agree(budget.advance(self.crops, seen))


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay convolution weights only; biases and normalisation stay free."""
    learning = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in learning if p.ndim > 1]
    free = [p for p in learning if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
