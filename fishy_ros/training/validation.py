"""Watch a training run: score the averaged weights on labelled sets every so many steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fishy_ros.heads.model import AnomalyModel
from fishy_ros.training.evaluate import SegmentationSet, evaluate_heads, evaluate_segmentation


@dataclass(frozen=True)
class ValidationConfig:
    """Which labelled sets are watched; folders are relative to the data root."""

    segmentation: tuple[SegmentationSet, ...] = ()
    anomalies: tuple[str, ...] = ()
    """Folders with `images/` and `labels/` (0 ordinary, 1 anomaly, 255 ignored)."""
    height: int = 512
    width: int = 1024
    """Size at which the network reads whole images."""
    every: int = 0
    """Steps from one validation to the next; 0 for none."""


def validate(model: AnomalyModel, config: ValidationConfig, root: Path) -> dict[str, float]:
    """Score segmentation and learned head on every set; values are fractions of 1, their names say of what."""
    size = config.height, config.width
    found: dict[str, float] = {}
    for labelled in config.segmentation:
        metrics = evaluate_segmentation(model, root, labelled, *size, _nothing)
        found[f"mIoU {labelled.images}"] = metrics.miou
    for folder in config.anomalies:
        score = evaluate_heads(model, {"dissimilarity": model.head}, root / folder, *size, _nothing)["dissimilarity"]
        found |= {f"AP {folder}": score.ap, f"FPR95 {folder}": score.fpr95, f"AUROC {folder}": score.auroc}
    return found


def _nothing() -> None:
    pass
