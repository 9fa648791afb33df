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


RATES: tuple[str, ...] = ("AP", "FPR95", "AUROC")
"""What is reported of every head on every set, all pixels pooled."""


@dataclass(frozen=True)
class SetScores:
    """What some heads of a network and its segmentation reach on the watched sets; fractions of 1."""

    heads: Mapping[str, Mapping[str, Mapping[str, float]]]
    """For each head and each folder of anomalies `RATES`, and `image_AP` and so on, the means over images."""
    segmentation: Mapping[str, float]
    """Mean IoU by folder of images."""
    prevalence: Mapping[str, float]
    """Share of anomalous pixels by folder of anomalies, which is the AP of a random score."""
    misclassification: Mapping[str, Mapping[str, Mapping[str, float]]]
    """For each head and each folder of images with the network's classes `max_J` and `AP`."""


def score_sets(
    model: AnomalyModel,
    heads: Mapping[str, nn.Module],
    config: ValidationConfig,
    root: Path,
    progress: Progress,
    maps: Path | None = None,
) -> SetScores:
    """Score heads and segmentation on every set below `root`; `progress` is called `count_watched` times.

    `maps` gets a folder of score maps for each set, named after the last part of its path.
    """
    size = config.height, config.width
    scores: dict[str, dict[str, Mapping[str, float]]] = {name: {} for name in heads}
    wrong: dict[str, dict[str, Mapping[str, float]]] = {name: {} for name in heads}
    prevalence, segmentation = dict[str, float](), dict[str, float]()
    for folder in config.anomalies:
        below = None if maps is None else maps / Path(folder).name
        for name, found in evaluate_heads(model, heads, root / folder, *size, progress, below).items():
            pixel, images = found.pixel, found.per_image
            scores[name][folder] = {
                **{"AP": pixel.ap, "FPR95": pixel.fpr95, "AUROC": pixel.auroc},
                **{"image_AP": images.aupr, "image_FPR95": images.fpr95, "image_AUROC": images.auroc},
            }
            prevalence[folder] = pixel.positives / (pixel.positives + pixel.negatives)
    for labelled in config.segmentation:
        whole, by_head = evaluate_segmentation(model, root, labelled, *size, progress, heads)
        segmentation[labelled.images] = whole.miou
        for name, metrics in by_head.items():
            wrong[name][labelled.images] = {"max_J": metrics.max_j, "AP": metrics.ap}
    return SetScores(scores, segmentation, prevalence, wrong)


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
        found |= {f"{rate} {folder}": rates[rate] for rate in RATES}
    return found


def _nothing() -> None:
    pass
