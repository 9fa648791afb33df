"""Watch a training run: score the averaged weights on labelled sets every so many steps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from fishy_ros.datasets.registry import open_dataset
from fishy_ros.errors import ConfigError
from fishy_ros.metrics.pixel import PixelAccumulator, PixelMetrics
from fishy_ros.training.augment import AugmentConfig, random_crop
from fishy_ros.training.crops import thin_out
from fishy_ros.training.evaluate import Progress, SegmentationSet, evaluate_heads, evaluate_segmentation
from fishy_ros.training.generated_set import GeneratedSet, generated_samples
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.object_bank import ObjectBank, load_object_bank
from fishy_ros.training.paste import populate
from fishy_ros.training.sources import SourceConfig, TrainingSource, image_files
from fishy_ros.types import Sample

if TYPE_CHECKING:
    from fishy_ros.training.config import TrainConfig

SEED: int = 20260
"""Of what is pasted for validation."""

LEARNED: str = "dissimilarity"
"""The head that is trained with the network."""


@dataclass(frozen=True)
class ValidationConfig:
    """Which labelled sets are watched; folders are relative to the data root."""

    segmentation: tuple[SegmentationSet, ...] = ()
    anomalies: tuple[str, ...] = ()
    """Folders with `images/` and `labels/` (0 normal, 1 anomaly, 255 ignored)."""
    generated: GeneratedSet | None = None
    """Streets with objects pasted after Fishyscapes, which `fishy evaluate` scores like a set of anomalies."""
    height: int = 512
    width: int = 1024
    """Size at which the network reads whole images."""
    every: float = 0
    """Epochs from one validation to the next; 0 for none."""
    pasted: SourceConfig | None = None
    """Labelled streets that pick weights: into some held-out objects are pasted, always the same, and with `void_ids`
    all are scored as they are."""
    pasted_images: int = 50
    """How many of these streets are used, spread evenly."""

    def only(self, names: Sequence[str]) -> ValidationConfig:
        """Return the configuration with the sets whose folders end in one of `names`.

        Raises:
            ConfigError: there is none of a name.
        """
        labelled = {item.images.removesuffix("/images"): item for item in self.segmentation}
        made = () if self.generated is None else (self.generated.name,)
        known = [*self.anomalies, *labelled, *made]
        for name in names:
            if not any(_ends_in(folder, name) for folder in known):
                raise ConfigError(f"set {name!r} is unknown; the configuration has {known}")

        def wanted(folder: str) -> bool:
            return any(_ends_in(folder, name) for name in names)

        return dataclasses.replace(
            self,
            anomalies=tuple(filter(wanted, self.anomalies)),
            generated=self.generated if any(map(wanted, made)) else None,
            segmentation=tuple(item for folder, item in labelled.items() if wanted(folder)),
        )


def _ends_in(folder: str, name: str) -> bool:
    return folder == name or folder.endswith(f"/{name}")


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
    class_iou: Mapping[str, tuple[float | None, ...]]
    """IoU of each class by folder of images; None where a class does not occur."""


def score_sets(
    model: AnomalyModel,
    heads: Mapping[str, nn.Module],
    config: ValidationConfig,
    root: Path,
    progress: Progress,
    maps: Path | None = None,
    every: int = 1,
    misclassified: bool = False,
) -> SetScores:
    """Score heads and segmentation on every set below `root`; `progress` is called `count_watched` times.

    `maps` gets a folder of score maps for each set, named after the last part of its path. Of every
    `every` rows and columns one counts, but all for the mean IoU. How well heads find wrong classes takes longer than
    the rest on large sets, so it is scored only where `misclassified` says so.
    """
    size = config.height, config.width
    scores: dict[str, dict[str, Mapping[str, float]]] = {name: {} for name in heads}
    wrong: dict[str, dict[str, Mapping[str, float]]] = {name: {} for name in heads}
    prevalence, segmentation = dict[str, float](), dict[str, float]()
    class_iou = dict[str, tuple[float | None, ...]]()
    sets = {folder: _labelled(root / folder) for folder in config.anomalies}
    if config.generated is not None:
        sets[config.generated.name] = generated_samples(root, config.generated)
    for folder, samples in sets.items():
        below = None if maps is None else maps / Path(folder).name
        for name, found in evaluate_heads(model, heads, samples, *size, progress, below, every).items():
            pixel, images = found.pixel, found.per_image
            scores[name][folder] = {
                **{"AP": pixel.ap, "FPR95": pixel.fpr95, "AUROC": pixel.auroc},
                **{"image_AP": images.aupr, "image_FPR95": images.fpr95, "image_AUROC": images.auroc},
            }
            prevalence[folder] = pixel.positives / (pixel.positives + pixel.negatives)
    for labelled in config.segmentation:
        whole, by_head = evaluate_segmentation(
            model, root, labelled, *size, progress, heads if misclassified else None, every
        )
        segmentation[labelled.images] = whole.miou
        class_iou[labelled.images] = tuple(None if math.isnan(iou) else iou for iou in whole.iou)
        for name, metrics in by_head.items():
            wrong[name][labelled.images] = {"max_J": metrics.max_j, "AP": metrics.ap}
    return SetScores(scores, segmentation, prevalence, wrong, class_iou)


def count_watched(config: ValidationConfig, root: Path) -> int:
    """Count the images of all watched sets below `root`."""
    folders = [f"{folder}/images" for folder in config.anomalies]
    folders += [labelled.images for labelled in config.segmentation]
    made = 0 if config.generated is None else config.generated.count
    return made + sum(len(image_files(root / folder)) for folder in folders)


def validate(model: AnomalyModel, config: TrainConfig) -> dict[str, float]:
    """Score segmentation and learned head on every set; values are fractions of 1, their names say of what."""
    watched, root = config.validation, Path(config.data)
    # Wrongly predicted pixels are not asked for: a network that has just begun may predict none right.
    scores = score_sets(
        model, {LEARNED: model.head}, dataclasses.replace(watched, segmentation=(), generated=None), root, _nothing
    )
    found: dict[str, float] = {}
    for labelled in watched.segmentation:
        whole, _ = evaluate_segmentation(model, root, labelled, watched.height, watched.width, _nothing)
        found[f"mIoU/{labelled.images}"] = whole.miou
    for folder, rates in scores.heads[LEARNED].items():
        found |= {f"{rate}/{folder}": rates[rate] for rate in RATES}
    if watched.pasted is not None:
        metrics = score_pasted(model, config, watched.pasted)
        found |= {"AP/pasted": metrics.ap, "FPR95/pasted": metrics.fpr95}
        void = score_void(model, config, watched.pasted)
        if void is not None:
            found |= {"AP/void": void.ap, "FPR95/void": void.fpr95}
    return found


def score_pasted(model: AnomalyModel, config: TrainConfig, source_config: SourceConfig) -> PixelMetrics:
    """Score the learned head on whole streets into which held-out objects are pasted, the same in every call.

    No label of an evaluation set is read, so this may choose between weights. Scores are compared at 1/4 resolution.
    """
    bank = load_object_bank(Path(config.data), config.bank, config.cache_folder, held_out=True)
    return _score_streets(model, config, source_config, config.validation.pasted_images, bank).compute()


def score_void(model: AnomalyModel, config: TrainConfig, source_config: SourceConfig) -> PixelMetrics | None:
    """Score the learned head on all streets of a source as they are: outliers are things of no class (`void_ids`).

    They are few and mostly far away, but real. Only networks that were all trained with such things as outliers, or all
    without, compare (`void_outliers`). None where the source has no such things.
    """
    if source_config.void_ids is None:
        return None
    pool = _score_streets(model, config, source_config)
    return pool.compute() if pool.positives.total else None


@torch.no_grad()
def _score_streets(
    model: AnomalyModel,
    config: TrainConfig,
    source_config: SourceConfig,
    count: int | None = None,
    bank: ObjectBank | None = None,
) -> PixelAccumulator:
    model.eval()
    watched = config.validation
    source = TrainingSource(Path(config.data), source_config, config.max_width, config.cache_folder)
    whole = AugmentConfig(watched.height, watched.width, watched.width, (1.0, 1.0), 0.0)
    pool = PixelAccumulator()
    for index in source.spread(len(source) if count is None else count):
        rng = np.random.default_rng([SEED, index])
        scene = random_crop(source.load(index), whole, rng)
        if bank is not None:
            populate(scene, bank, config.paste, rng)
        image = torch.from_numpy(np.ascontiguousarray(scene.image.transpose(2, 0, 1)))[None]
        score = model(image.to(model.mean.device).float()).outlier[0].float()
        pool.update(score.cpu().numpy(), thin_out(scene.outlier), str(index))
    return pool


def _labelled(folder: Path) -> Iterator[Sample]:
    """Open `images/` and `labels/` (0, 1 and 255) only when the set's turn has come."""
    yield from open_dataset("folder", folder)


def _nothing() -> None:
    pass
