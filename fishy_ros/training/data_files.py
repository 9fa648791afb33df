"""Which files a training configuration reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fishy_ros.errors import TrainingError
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.sources import SourceConfig, image_files


def training_files(config: TrainConfig, root: Path) -> list[Path]:
    """List every file below `root` that a run learns from, each once, in the order of their names.

    Raises:
        TrainingError: a folder or a label map is missing.
    """
    found = {path for source in config.sources for path in _source_files(source, root)}
    bank = config.bank
    for folder in bank.objects:
        found.update(image_files(root / folder))
    if bank.coco is not None:
        found.update((root / bank.coco).glob("images/*/*.jpg"))
        found.update((root / bank.coco).glob("labels/*/*.txt"))
    if bank.distractor_images is not None and bank.distractor_labels is not None:
        found.update(_source_files(SourceConfig(bank.distractor_images, bank.distractor_labels), root))
    return sorted(found)


def validation_files(config: TrainConfig, root: Path) -> list[Path]:
    """List every file below `root` that a run is watched with, each once, in the order of their names.

    Raises:
        TrainingError: a folder or a label map is missing.
    """
    watched = config.validation
    pairs = [(labelled.images, labelled.labels) for labelled in watched.segmentation]
    pairs += [(f"{folder}/images", f"{folder}/labels") for folder in watched.anomalies]
    sources = [SourceConfig(images, labels) for images, labels in pairs]
    if watched.pasted is not None:
        sources.append(watched.pasted)
    return sorted({path for source in sources for path in _source_files(source, root)})


def _source_files(source: SourceConfig, root: Path) -> Iterator[Path]:
    maps = [folder for folder in (source.labels, source.confidence, source.void_ids) if folder is not None]
    for path in image_files(root / source.images):
        yield path
        for folder in maps:
            labels = root / folder / f"{path.stem}.png"
            if not labels.is_file():
                raise TrainingError(f"{labels}: missing, though {path} is there")
            yield labels
