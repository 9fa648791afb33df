"""The training configuration: one YAML file, one dataclass a section, validated where it is read."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fishy_ros.deprecated_names import TRAINING_KEYS, with_current_keys
from fishy_ros.errors import ConfigError
from fishy_ros.training.augment import AugmentConfig
from fishy_ros.training.config_files import read_config_file
from fishy_ros.training.losses import LossConfig
from fishy_ros.training.object_bank import BankConfig
from fishy_ros.training.paste import PasteConfig
from fishy_ros.training.schedule import Schedule, StageConfig
from fishy_ros.training.sources import MAX_WIDTH, SourceConfig, TrainingSource, image_files, open_sources
from fishy_ros.training.teachers import TeacherConfig
from fishy_ros.training.validation import ValidationConfig

Section = TypeVar("Section")
SEGMENTATION: str = "segmentation"


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW with gradient clipping, and a moving average of the weights."""

    learning_rate: float = 2e-3
    """The highest; `Schedule.rate` says how it rises and falls."""
    warmup_epochs: float = 1.0
    weight_decay: float = 0.02
    ema: float = 0.999
    """Decay of the moving average of the weights, which is evaluated and shipped, in each step."""
    gradient_norm: float = 5.0
    precision: str = "auto"
    """Of the convolutions: `float32`, `bfloat16`, or `auto` for bfloat16 where the hardware multiplies it."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a training run does."""

    name: str
    data: str
    sources: tuple[SourceConfig, ...]
    bank: BankConfig
    stages: tuple[StageConfig, ...]
    size: str = "s"
    """Name of the network, one of `fishy_ros.training.nets.registry.NETWORKS`."""
    task: str = SEGMENTATION
    """What is trained: the network with its learned head, or a second network (`second_networks.TASKS`)."""
    seed: int = 1
    void_outliers: bool = True
    """Whether things of no class (`void_ids` of a source) are outliers; else nothing is learned from them."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    paste: PasteConfig = field(default_factory=PasteConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    teachers: TeacherConfig | None = None
    """Trained networks whose mean is learned, too; none unless given."""
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    epoch_crops: int | None = None
    """Crops in an epoch; unless given, as many as there are training images."""
    max_width: int = MAX_WIDTH
    """Images are kept at most this wide, in px."""
    cache: str = "~/.cache/fishy_ros/training"
    """Folder of the decoded images and objects, some 3 MB for each image of 1024x512; beyond 24 GiB old ones go."""
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    device_augment: str = "auto"
    """Where crops are made: `always` on the device that trains, `never`, or `auto` for on a GPU with room for them."""
    workers: int = 0
    """Processes that prepare crops for each training process; 0 prepares them in between, best on a CPU."""
    checkpoint_minutes: float = 3.0

    def __post_init__(self) -> None:
        """Check that there is something to draw from.

        Raises:
            ConfigError: there is not.
        """
        if not sum(source.weight for source in self.sources) > 0:
            raise ConfigError("sources: expected at least one with a weight above 0")

    def open_sources(self) -> list[TrainingSource]:
        """Open the training images below the data root.

        Raises:
            TrainingError: the root or a folder is missing, empty or incomplete.
        """
        return open_sources(Path(self.data), self.sources, self.max_width, self.cache_folder, self.void_outliers)

    def schedule(self) -> Schedule:
        """Plan the run with the training images below the data root.

        Raises:
            TrainingError: a folder of images is missing or empty.
        """
        crops = self.epoch_crops
        if crops is None:
            crops = sum(len(image_files(Path(self.data) / source.images)) for source in self.sources)
        return Schedule(self.stages, crops, self.optimiser.warmup_epochs)

    @property
    def cache_folder(self) -> Path:
        """The folder of the decoded images and objects."""
        return Path(self.cache).expanduser()


_TINY, _MANY = 1e-9, 1e6

_RANGES: dict[type, dict[str, tuple[float, float]]] = {
    OptimiserConfig: {
        "learning_rate": (_TINY, 1.0),
        "warmup_epochs": (0.0, _MANY),
        "weight_decay": (0.0, 1.0),
        "ema": (0.0, 0.999999),
        "gradient_norm": (_TINY, _MANY),
    },
    LossConfig: {
        **dict.fromkeys(("outlier", "hard", "prototypes", "ood"), (0.0, _MANY)),
        "hard_share": (0.0, 1.0),
        "rare_classes": (1.001, _MANY),
    },
    PasteConfig: {
        **dict.fromkeys(("outliers", "distractors", "ground_patches", "markings"), (0.0, 1000.0)),
        **dict.fromkeys(("anywhere", "procedural"), (0.0, 1.0)),
    },
    AugmentConfig: {
        "reference_width": (32, _MANY),
        "stretch": (0.0, 0.9),
        "photometric": (0.0, 10.0),
        "softness": (0.0, 100.0),
    },
    StageConfig: {"epochs": (_TINY, _MANY), "scale": (0.01, 100.0)},
    SourceConfig: {"weight": (0.0, _MANY), "horizon": (0.0, 1.0)},
    BankConfig: {"erode": (0, 100), "distractors_per_class": (1, _MANY)},
    ValidationConfig: {"every": (0.0, _MANY), "height": (32, _MANY), "width": (32, _MANY), "pasted_images": (1, _MANY)},
    TrainConfig: {
        "seed": (0, 2**31 - 1),
        "max_width": (32, _MANY),
        "workers": (0, 1000),
        "checkpoint_minutes": (0.0, _MANY),
    },
}
"""Lowest and highest values, both included, of the numbers in each section, or of each number of a list."""


def with_larger_batches(config: TrainConfig, factor: int) -> TrainConfig:
    """Return the configuration with `factor` times as many crops in each step, as suits a larger machine.

    The learning rate grows with the square root (Malladi et al., SDEs for Adaptive Gradient Algorithms, 2022), and the
    weights are averaged over as many crops as before.

    Raises:
        ConfigError: `factor` is less than 1.
    """
    if factor < 1:
        raise ConfigError(f"batch factor {factor}: expected 1 or more")
    settings = config.optimiser
    optimiser = dataclasses.replace(
        settings, learning_rate=settings.learning_rate * math.sqrt(factor), ema=settings.ema**factor
    )
    stages = tuple(dataclasses.replace(stage, batch=stage.batch * factor) for stage in config.stages)
    return dataclasses.replace(config, optimiser=optimiser, stages=stages)


def load_train_config(path: Path, data: str | None = None) -> TrainConfig:
    """Read and check a training configuration; its `base`, if it names one, gives what it does not say.

    `data` is a data root in place of the configured one.

    Raises:
        ConfigError: a file is missing, no YAML mapping, or has an unknown, missing or ill-typed key.
    """
    config = build_train_config(read_config_file(path), str(path))
    return dataclasses.replace(config, data=data or config.data)


def build_train_config(content: object, where: str) -> TrainConfig:
    """Check a training configuration that was read from a file named `where`.

    Raises:
        ConfigError: it is not a mapping, or has an unknown, missing or ill-typed key.
    """
    if isinstance(content, dict):
        content = with_current_keys(content, TRAINING_KEYS, where, ConfigError)
    return _build(TrainConfig, content, where)


def _build(section: type[Section], content: object, where: str) -> Section:
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where}: expected a mapping, found {type(content).__name__}")
    hints = typing.get_type_hints(section)
    unknown = sorted(set(map(str, content)) - set(hints))
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}; allowed are {sorted(hints)}")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in content.items()}
    try:
        built = section(**values)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from error
    _check_ranges(built, where)
    return built


def _check_ranges(section: object, where: str) -> None:
    for name, (low, high) in _RANGES.get(type(section), {}).items():
        value = getattr(section, name)
        for number in value if isinstance(value, tuple) else () if value is None else (value,):
            if not low <= number <= high:
                raise ConfigError(f"{where}: {name}: {number:g}; expected {low:g} to {high:g}")


def _convert(kind: Any, value: object, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build(kind, value, where)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: expected a list, found {value!r}")
        inner = typing.get_args(kind)[0]
        return tuple(_convert(inner, item, f"{where}[{index}]") for index, item in enumerate(value))
    allowed = typing.get_args(kind) or (kind,)
    section = next(
        (option for option in allowed if isinstance(option, type) and dataclasses.is_dataclass(option)), None
    )
    if section is not None and value is not None:
        return _build(section, value, where)
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, tuple(allowed)) or (isinstance(value, bool) and bool not in allowed):
        names = " or ".join(getattr(option, "__name__", str(option)) for option in allowed)
        raise ConfigError(f"{where}: expected {names}, found {value!r}")
    return value
