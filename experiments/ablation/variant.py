"""Train one variant from random initialisation and score it; what was done before is not done again."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.ablation.plan import Variant
from experiments.designs import register_designs
from fishy_ros.errors import ConfigError, TrainingError
from fishy_ros.training.checkpoint import load_model
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.heads.registry import create_head
from fishy_ros.training.heads.spec import Statistics
from fishy_ros.training.loop import Trainer
from fishy_ros.training.provenance import RUN_FILE, data_sha256, note_run
from fishy_ros.training.validation import LEARNED, count_watched, score_sets

RESULT_FILE = "result.json"
UNTRAINED_HEADS: tuple[str, ...] = ("msp",)
TRAINED_HEADS: tuple[str, ...] = ("msp", LEARNED, "dissimilarity+ground")
"""Heads that are scored without outliers in training, when the learned head knows nothing, and with them."""

Advance = Callable[[str], None]
"""Called after every training step and every scored image with the name of the variant."""


@dataclass(frozen=True)
class VariantScores:
    """What one variant reached; rates are fractions of 1."""

    data_sha256: str
    training_s: float
    """Seconds that the last part of its training took: all of it unless it was resumed."""
    heads: Mapping[str, Mapping[str, Mapping[str, float]]]
    """For each head and each folder of anomalies `AP`, `FPR95` and `AUROC`."""
    segmentation: Mapping[str, float]
    """Mean IoU by folder of images."""


def count_work(config: TrainConfig) -> int:
    """Count how often `run_variant` calls `advance`."""
    schedule = config.schedule()
    return schedule.steps(schedule.total) + count_watched(config.validation, Path(config.data))


def run_variant(
    variant: Variant, out: Path, device: str, environment: Mapping[str, object], advance: Advance
) -> VariantScores:
    """Train and score a variant in the folder `out`, or return what was found there before.

    A training that was stopped is resumed. `environment` describes the machine.

    Raises:
        TrainingError: the data or the files of an earlier run cannot be read.
    """
    register_designs()  # this may be a process of its own
    if (out / RESULT_FILE).exists():
        for _ in range(count_work(variant.config)):
            advance(variant.name)
        return _read_scores(out / RESULT_FILE)
    out.mkdir(parents=True, exist_ok=True)
    seconds = _train(variant, out, device, environment, advance)
    scores = _score(variant.config, out, seconds, lambda: advance(variant.name))
    (out / RESULT_FILE).write_text(json.dumps(dataclasses.asdict(scores), indent=1) + "\n", encoding="utf-8")
    return scores


def _train(variant: Variant, out: Path, device: str, environment: Mapping[str, object], advance: Advance) -> float:
    trainer = Trainer(variant.config, out, device)
    trainer.resume()
    note_run(variant.config, out, trainer.crops, None, environment)
    for _ in range(trainer.schedule.steps(trainer.crops)):
        advance(variant.name)
    start = time.monotonic()
    trainer.run(lambda *_: advance(variant.name))
    return round(time.monotonic() - start, 1)


def _score(config: TrainConfig, out: Path, seconds: float, progress: Callable[[], None]) -> VariantScores:
    model = load_model(out / "weights.safetensors")
    names = TRAINED_HEADS if config.loss.outlier > 0 else UNTRAINED_HEADS
    heads = {name: create_head(name, model, Statistics()).eval() for name in names}  # none of these measures anything
    found = score_sets(model, heads, config.validation, Path(config.data), progress)
    return VariantScores(data_sha256(config), seconds, found.heads, found.segmentation)


def refuse_another_run(config: TrainConfig, out: Path) -> None:
    """See to it that a run in `out`, if there is one, has this configuration.

    Raises:
        ConfigError: it has another.
        TrainingError: its notes cannot be read.
    """
    path = out / RUN_FILE
    if not path.exists():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))[-1]["configuration"]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise TrainingError(f"{path}: not the notes of a run: {error}") from error
    now = json.loads(json.dumps(dataclasses.asdict(config)))
    differing = [key for key in now if before.get(key) != now[key]]
    if differing:
        raise ConfigError(
            f"{out}: holds a run whose {', '.join(differing)} differ from the plan's; give another folder for the runs"
        )


def _read_scores(path: Path) -> VariantScores:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return VariantScores(**content)
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"{path}: no result of a variant: {error}") from error
