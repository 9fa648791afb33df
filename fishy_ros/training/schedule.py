"""The course of a run: stages of growing crops, and the learning rate over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fishy_ros.errors import ConfigError


@dataclass(frozen=True)
class StageConfig:
    """A part of a run with crops of one size. An epoch is as many crops as there are training images."""

    epochs: float
    height: int
    width: int
    batch: int
    """Crops in each step of each process."""
    scale: tuple[float, float] = (0.5, 1.6)
    """Smallest and largest zoom; at 1 a street is as large in the crop as the network will see it."""

    def __post_init__(self) -> None:
        if self.height % 32 or self.width % 32 or min(self.height, self.width, self.batch, self.epochs) <= 0:
            raise ConfigError(
                f"stages: {self.height}x{self.width} px, batch {self.batch}, {self.epochs} epochs: "
                "expected multiples of 32 px and numbers above 0"
            )
        if len(self.scale) != 2 or self.scale[0] > self.scale[1]:
            raise ConfigError(f"stages: scale {list(self.scale)}: expected the smallest zoom and the largest")


class Schedule:
    """Tell the stage and the learning rate of a run by the number of crops that all its processes have seen."""

    def __init__(self, stages: Sequence[StageConfig], images: int, warmup_epochs: float) -> None:
        if not stages:
            raise ConfigError("stages: expected at least one")
        self._stages = stages
        self._crops = [max(1, round(stage.epochs * images)) for stage in stages]
        self._pixels = [stage.height * stage.width for stage in stages]
        self._warmup = max(1.0, warmup_epochs * images)
        self.images = images

    @property
    def total(self) -> int:
        """Crops of the whole run."""
        return sum(self._crops)

    def steps(self, crops: int, processes: int = 1) -> int:
        """Count the steps of `processes` processes until `crops` crops are reached."""
        steps = position = begin = 0
        for stage, count in zip(self._stages, self._crops, strict=True):
            begin += count
            each = stage.batch * processes
            more = max(0, -(-(min(begin, crops) - position) // each))
            steps, position = steps + more, position + more * each
        return steps

    def epoch(self, crops: int) -> float:
        """Epochs after `crops` crops."""
        return crops / self.images

    def stage(self, crops: int) -> StageConfig:
        """Return the stage to which the next crop belongs; after the end, the last one."""
        for stage, count in zip(self._stages, self._crops, strict=True):
            if crops < count:
                return stage
            crops -= count
        return self._stages[-1]

    def rate(self, crops: int, since_start: int) -> float:
        """Share in [0, 1] of the highest learning rate: linear warm-up, then (1 - t)^0.9 over the pixels of the run.

        `since_start` are the crops since the weights were loaded: a run that goes on without the state of its optimiser
        warms up again. Source of the exponent: Chen et al., DeepLab, 2018, section 4.
        """
        left = self.pixels_after(crops) / self.pixels_after(0)
        return min(1.0, (since_start + 1) / self._warmup) * float(left**0.9)

    def pixels_after(self, crops: float) -> float:
        """Count the pixels of all crops after the first `crops`."""
        left, pixels = crops, 0.0
        for count, each in zip(self._crops, self._pixels, strict=True):
            pixels += max(0.0, count - left) * each
            left = max(0.0, left - count)
        return pixels
