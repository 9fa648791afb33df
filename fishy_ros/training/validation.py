"""Watch a training run: score the averaged weights on labelled sets every so many steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from fishy_ros.training.evaluate import Progress, SegmentationSet, evaluate_heads, evaluate_segmentation
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.sources import image_files

LEARNED: str = "dissimilarity"
"""The head that is trained with the network."""


@dataclass(frozen=True)
class ValidationConfig:
    """Which labelled sets are watched; folders are relative to the data root."""

    segmentation: tuple[SegmentationSet, ...] = ()
    anomalies: tuple[str, ...] = ()
    """Folders with `images/` and `labels/` (0 normal, 1 anomaly, 255 ignored)."""
    height: int = 512
    width: int = 1024
    """Size at which the network reads whole images."""
    every: int = 0
    """Steps from one validation to the next; 0 for none."""


@dataclass(frozen=True)
class SetScores:
    """What some heads of a network and its segmentation reach on the watched sets; fractions of 1."""

    heads: Mapping[str, Mapping[str, Mapping[str, float]]]
    """For each head and each folder of anomalies `AP`, `FPR95` and `AUROC`."""
    segmentation: Mapping[str, float]
    """Mean IoU by folder of images."""


def score_sets(
    model: AnomalyModel, heads: Mapping[str, nn.Module], config: ValidationConfig, root: Path, progress: Progress
) -> SetScores:
    """Score heads and segmentation on every set below `root`; `progress` is called `count_watched` times."""
    size = config.height, config.width
    scores: dict[str, dict[str, Mapping[str, float]]] = {name: {} for name in heads}
    for folder in config.anomalies:
        for name, found in evaluate_heads(model, heads, root / folder, *size, progress).items():
            scores[name][folder] = {"AP": found.ap, "FPR95": found.fpr95, "AUROC": found.auroc}
    segmentation = {
        labelled.images: evaluate_segmentation(model, root, labelled, *size, progress).miou
        for labelled in config.segmentation
    }
    return SetScores(scores, segmentation)


def count_watched(config: ValidationConfig, root: Path) -> int:
    """Count the images of all watched sets below `root`."""
    folders = [f"{folder}/images" for folder in config.anomalies]
    folders += [labelled.images for labelled in config.segmentation]
    return sum(len(image_files(root / folder)) for folder in folders)


def validate(model: AnomalyModel, config: ValidationConfig, root: Path) -> dict[str, float]:
    """Score segmentation and learned head on every set; values are fractions of 1, their names say of what."""
    scores = score_sets(model, {LEARNED: model.head}, config, root, _nothing)
    found = {f"mIoU {images}": miou for images, miou in scores.segmentation.items()}
    for folder, rates in scores.heads[LEARNED].items():
        found |= {f"{rate} {folder}": value for rate, value in rates.items()}
    return found


def _nothing() -> None:
    pass
