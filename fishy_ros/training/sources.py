"""Training images with their 19-class labels, whatever folder and label set they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.datasets import images
from fishy_ros.datasets.images import decode_file
from fishy_ros.datasets.label_files import read_samples
from fishy_ros.errors import ConfigError, DatasetError, TrainingError
from fishy_ros.types import ANOMALY, IGNORED, NORMAL, ImageArray, LabelMap

IGNORE: int = 255
MAX_WIDTH: int = 1280
"""Images are kept in memory at most this wide unless a configuration says otherwise; `s` reads streets at 1024 px."""


@dataclass(frozen=True)
class SourceConfig:
    """One folder of training images.

    `images`, `labels`, `confidence` and `coarse` are folders relative to the data root. `labels` are Cityscapes
    train ids. `coarse` are labels made by hand in fewer classes; `coarse_classes` names their meaning (`camvid`,
    `idd_lite`) and they overrule `labels` where the two contradict each other, or are all there is. `label_ids` are
    Cityscapes' 34 label ids, whose void regions tell what is an outlier by itself (see `void_outliers`).
    """

    images: str
    labels: str | None = None
    confidence: str | None = None
    coarse: str | None = None
    coarse_classes: str | None = None
    label_ids: str | None = None
    weight: float = 1.0
    horizon: float = 0.45
    """Height of the horizon as a fraction of the image, from the top."""

    def __post_init__(self) -> None:
        if self.labels is None and self.coarse is None:
            raise ConfigError(f"{self.images}: neither labels nor coarse is given")


@dataclass(frozen=True)
class TrainingImage:
    """A decoded training image.

    `labels` is uint8 `[H, W]` with train ids or `IGNORE`; `confidence` float32 `[H, W]` in [0, 1]; `outlier` uint8
    `[H, W]` with 0 normal, 1 anomaly, 255 ignored.
    """

    image: ImageArray
    labels: LabelMap
    confidence: NDArray[np.float32]
    outlier: LabelMap
    horizon: float


VOID_OUTLIERS: tuple[int, ...] = (5, 29, 30)
"""Cityscapes label ids of things that belong to no class and move or are moved: dynamic, caravan, trailer."""

VOID_IGNORED: tuple[int, ...] = (0, 1, 2, 3, 4, 6, 9, 10, 14, 15, 16, 18)
"""Label ids without a train id that are no sure outlier: the own car, borders, parking, rails, bridges and the like."""

_COARSE: dict[str, tuple[tuple[int, ...], ...]] = {
    "camvid": (
        (10,),
        (2, 3, 4),
        (5, 6),
        (0,),
        (1,),
        (8, 9),
        (7, 6),
        (4, 3),
        (13, 14, 15, 16),
        (11, 12),
        (18, 12, 17),
    ),
    "idd_lite": ((0,), (1, 9), (11, 12), (13, 14, 15, 16, 17, 18), (4, 3, 5, 6, 7), (2, 8), (10,)),
}
"""For every hand-made label, the train ids that it may stand for; the first is used where the teacher disagrees."""


class TrainingSource:
    """The images of one folder, decoded once and then kept."""

    def __init__(self, root: Path, config: SourceConfig, max_width: int = MAX_WIDTH) -> None:
        folder = root / config.images
        self.config = config
        self.max_width = max_width
        self.root = root
        self.paths = image_files(folder)
        self._decoded: dict[int, TrainingImage] = {}

    def __len__(self) -> int:
        return len(self.paths)

    def spread(self, count: int) -> list[int]:
        """Return up to `count` indices of images, evenly spread from the first to the last."""
        return [int(index) for index in np.unique(np.linspace(0, len(self) - 1, count).round())]

    def load(self, index: int) -> TrainingImage:
        """Return image `index`, decoded at most once."""
        if index not in self._decoded:
            self._decoded[index] = self._decode(index)
        return self._decoded[index]

    def picture(self, index: int) -> ImageArray:
        """Decode image `index` alone, without its labels; it is not kept."""
        image = np.asarray(read_image(self.paths[index], cv2.IMREAD_COLOR), np.uint8)
        scale = min(1.0, self.max_width / image.shape[1])
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8) if scale < 1 else image

    def _decode(self, index: int) -> TrainingImage:
        path, image = self.paths[index], self.picture(index)
        size = (image.shape[1], image.shape[0])
        labels = np.full(image.shape[:2], IGNORE, np.uint8)
        if self.config.labels is not None:
            labels = self._read_map(self.config.labels, path.stem, size, cv2.INTER_NEAREST)
        confidence: NDArray[np.float32] = np.ones(labels.shape, np.float32)
        if self.config.confidence is not None:
            stored = self._read_map(self.config.confidence, path.stem, size, cv2.INTER_LINEAR)
            confidence = stored.astype(np.float32) / np.float32(255)
        if self.config.coarse is not None:
            coarse = self._read_map(self.config.coarse, path.stem, size, cv2.INTER_NEAREST)
            labels, confidence = reconcile(labels, confidence, coarse, str(self.config.coarse_classes))
        outlier = np.full(labels.shape, NORMAL, np.uint8)
        if self.config.label_ids is not None:
            outlier = void_outliers(self._read_map(self.config.label_ids, path.stem, size, cv2.INTER_NEAREST))
        return TrainingImage(image, labels, confidence, outlier, self.config.horizon)

    def _read_map(self, folder: str, stem: str, size: tuple[int, int], interpolation: int) -> NDArray[np.uint8]:
        values = read_map(self.root / folder / f"{stem}.png")
        return np.asarray(cv2.resize(values, size, interpolation=interpolation), np.uint8)


def normal_pictures(sources: Sequence[TrainingSource], count: int) -> Iterator[ImageArray]:
    """Yield up to `count` whole training images, spread evenly over and within the sources."""
    each = max(1, count // len(sources))
    for source in sources:
        yield from map(source.picture, source.spread(each))


def void_outliers(label_ids: LabelMap) -> LabelMap:
    """Tell outliers (1), normal (0) and doubtful pixels (255) apart by Cityscapes label ids.

    Source: Di Biase et al., SynBoost, 2021, section 3.2, which takes void regions as examples of the unknown. Of the
    void ids only those of things are outliers (`VOID_OUTLIERS`); the published code takes id 5 alone. Ground, borders
    and the own vehicle are void, too, but nothing unknown.
    """
    table = np.full(256, NORMAL, np.uint8)
    table[list(VOID_OUTLIERS)] = ANOMALY
    table[list(VOID_IGNORED)] = IGNORED
    return np.asarray(table[label_ids], np.uint8)


def reconcile(
    teacher: LabelMap, confidence: NDArray[np.float32], coarse: LabelMap, classes: str
) -> tuple[LabelMap, NDArray[np.float32]]:
    """Let hand-made coarse labels overrule a teacher's labels.

    Where the teacher's class is one that the coarse label may stand for, it stays and its confidence is raised half
    way to 1; elsewhere the first such class takes its place with confidence 0.5, and with 1 where there is no teacher
    (`IGNORE`) and no other class that the coarse label may stand for. Unknown coarse labels become `IGNORE`.

    Raises:
        TrainingError: `classes` names no known set of coarse labels.
    """
    if classes not in _COARSE:
        raise TrainingError(f"coarse_classes {classes!r} is unknown; known are {sorted(_COARSE)}")
    labels = np.full_like(teacher, IGNORE)
    weights = np.zeros_like(confidence)
    for value, allowed in enumerate(_COARSE[classes]):
        here = coarse == value
        agree = here & np.isin(teacher, allowed)
        labels[here] = allowed[0]
        weights[here] = 0.5
        labels[agree] = teacher[agree]
        weights[agree] = 0.5 + confidence[agree] / 2
        if len(allowed) == 1:
            weights[here & (teacher == IGNORE)] = 1.0
    return labels, weights


def open_sources(root: Path, configs: Sequence[SourceConfig], max_width: int = MAX_WIDTH) -> list[TrainingSource]:
    """Open every configured folder below `root`; images are kept at most `max_width` px wide.

    Raises:
        TrainingError: the root or a folder is missing or empty.
    """
    if not root.is_dir():
        raise TrainingError(f"{root}: the training data folder does not exist")
    return [TrainingSource(root, config, max_width) for config in configs]


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder in natural order, as datasets do.

    Raises:
        TrainingError: there are none.
    """
    files = images.image_files(folder)
    if not files:
        raise TrainingError(f"{folder}: no images ({', '.join(sorted(images.IMAGE_SUFFIXES))}) found")
    return files


def read_image(path: Path, mode: int) -> NDArray[np.integer[Any]]:
    """Read an image or a label map with OpenCV's `mode`.

    Raises:
        TrainingError: the file is missing or no image.
    """
    try:
        return decode_file(path, mode)
    except DatasetError as error:
        raise TrainingError(str(error)) from error


def read_map(path: Path) -> NDArray[np.integer[Any]]:
    """Read a map of labels, ids or confidences as its samples are stored.

    Raises:
        TrainingError: the file is missing or no such picture.
    """
    try:
        return np.asarray(read_samples(path))
    except DatasetError as error:
        raise TrainingError(str(error)) from error
