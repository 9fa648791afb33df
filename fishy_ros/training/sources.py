"""Training images with their 19-class labels, decoded once and shared by all processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.datasets import images
from fishy_ros.datasets.images import read_image
from fishy_ros.datasets.label_files import read_samples
from fishy_ros.errors import ConfigError, TrainingError
from fishy_ros.files import file_sha256
from fishy_ros.training.array_store import ArrayStore, open_store
from fishy_ros.types import ANOMALY, IGNORED, NORMAL, ImageArray, LabelMap

IGNORE: int = 255
MAX_WIDTH: int = 1280
"""Images are kept at most this wide unless a configuration says otherwise; `s` reads streets at 1024 px."""

SURE: int = 255
"""Confidence of a label made by hand."""


@dataclass(frozen=True)
class SourceConfig:
    """One folder of training images.

    `images`, `labels`, `confidence` and `void_ids` are folders relative to the data root. `labels` are Cityscapes train
    ids, `confidence` says how sure a teacher was of them (0 to 255). `void_ids` are Cityscapes label ids, at least
    where there is no train id: they tell what is an outlier by itself (see `void_outliers`).
    """

    images: str
    labels: str
    confidence: str | None = None
    void_ids: str | None = None
    weight: float = 1.0
    """How often the folder is drawn from, relative to the others."""
    horizon: float = 0.45
    """Height of the horizon as a fraction of the image, from the top."""
    ignore_box: tuple[float, ...] = ()
    """Left, top, right and bottom of a watermark as fractions of the image; nothing is learned from it."""

    def __post_init__(self) -> None:
        box = self.ignore_box
        in_order = all(low < high for low, high in zip(box[:2], box[2:], strict=False))
        if len(box) not in {0, 4} or not all(0 <= side <= 1 for side in box) or not in_order:
            raise ConfigError(
                f"{self.images}: ignore_box {list(box)} is not four fractions in [0, 1]: left, top, right, bottom"
            )


@dataclass(frozen=True)
class TrainingImage:
    """A decoded training image; all arrays are uint8 and read-only.

    `image` is BGR `[H, W, 3]`; `labels` `[H, W]` with train ids or `IGNORE`; `outlier` `[H, W]` with 0 normal,
    1 anomaly, 255 ignored; `confidence` `[H, W]` from 0 to `SURE`. `horizon` is a fraction of the height.
    """

    image: ImageArray
    labels: LabelMap
    outlier: LabelMap
    confidence: NDArray[np.uint8]
    horizon: float


VOID_OUTLIERS: tuple[int, ...] = (5, 29, 30)
"""Cityscapes label ids of things that belong to no class and move or are moved: dynamic, caravan, trailer."""

VOID_IGNORED: tuple[int, ...] = (0, 1, 2, 3, 4, 14, 15, 16, 18)
"""Label ids without a train id that are neither: unlabelled, the own car, borders, static things, rails, bridges.

Ground, parking and rail track (6, 9, 10) have no train id either, but they are normal ground.
"""


class TrainingSource:
    """The images of one folder."""

    def __init__(
        self, root: Path, config: SourceConfig, max_width: int, cache: Path, void_outliers: bool = True
    ) -> None:
        """List the images and open their decoded arrays in the folder `cache`; decode them where they are not there.

        Void things are ignored unless `void_outliers`.

        Raises:
            TrainingError: there are none, a map is of another aspect ratio, or the cache cannot be written.
            DatasetError: an image or a map cannot be read.
        """
        self.config = config
        self.max_width = max_width
        self.root = root
        self.void_outliers = void_outliers
        self.paths = image_files(root / config.images)
        self.arrays = self._open(cache)
        """Image, labels, outliers and confidence of each image, one after the other."""

    def __len__(self) -> int:
        return len(self.paths)

    def spread(self, count: int) -> list[int]:
        """Return up to `count` indices of images, evenly spread from the first to the last."""
        return spread(len(self), count)

    def load(self, index: int) -> TrainingImage:
        """Return image `index`."""
        image, labels, outlier, confidence = self.arrays[4 * index : 4 * index + 4]
        return TrainingImage(image, labels, outlier, confidence, self.config.horizon)

    def picture(self, index: int) -> ImageArray:
        """Return image `index` alone, uint8 `[H, W, 3]` BGR, read-only."""
        return self.arrays[4 * index]

    def _open(self, cache: Path) -> ArrayStore:
        folders = [self.config.images, self.config.labels, self.config.confidence, self.config.void_ids]
        # Weight and horizon are left out: they change nothing that is stored.
        settings = folders, self.config.ignore_box, self.max_width, VOID_OUTLIERS, VOID_IGNORED, self.void_outliers
        read = [self.root / folder for folder in folders if folder]
        arrays = (array for path in self.paths for array in self._decode(path))
        return open_store(cache_path(cache, self.config.images, read, settings), arrays)

    def _decode(self, path: Path) -> Iterator[NDArray[np.uint8]]:
        image = read_image(path)
        scale = min(1.0, self.max_width / image.shape[1])
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        if scale < 1:
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        labels = self._read_map(self.config.labels, path.stem, size, cv2.INTER_NEAREST)
        outlier = np.full(labels.shape, NORMAL, np.uint8)
        if self.config.void_ids is not None:
            outlier = void_outliers(self._read_map(self.config.void_ids, path.stem, size, cv2.INTER_NEAREST))
            if not self.void_outliers:
                outlier[outlier == ANOMALY] = IGNORED
        confidence = np.full(labels.shape, SURE, np.uint8)
        if self.config.confidence is not None:
            confidence = self._read_map(self.config.confidence, path.stem, size, cv2.INTER_LINEAR)
        if self.config.ignore_box:
            left, top, right, bottom = np.multiply(self.config.ignore_box, [*size, *size]).round().astype(int)
            labels[top:bottom, left:right] = IGNORE
            outlier[top:bottom, left:right] = IGNORED
        yield from (image, labels, outlier, confidence)

    def _read_map(self, folder: str, stem: str, size: tuple[int, int], interpolation: int) -> NDArray[np.uint8]:
        path = self.root / folder / f"{stem}.png"
        values = read_samples(path)
        if values.ndim != 2 or abs(values.shape[1] * size[1] / (values.shape[0] * size[0]) - 1) > 0.05:
            raise TrainingError(f"{path}: shape {values.shape} does not fit an image of {size[0]}x{size[1]} px")
        return np.array(cv2.resize(values, size, interpolation=interpolation), np.uint8)


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


def open_sources(
    root: Path, configs: Sequence[SourceConfig], max_width: int, cache: Path, void_outliers: bool = True
) -> list[TrainingSource]:
    """Open every configured folder below `root`; images are kept at most `max_width` px wide, decoded in `cache`.

    Void things are ignored unless `void_outliers`.

    Raises:
        TrainingError: the root or a folder is missing or empty.
        DatasetError: an image or a map is missing or cannot be read.
    """
    if not root.is_dir():
        raise TrainingError(f"{root}: the training data folder does not exist")
    return [TrainingSource(root, config, max_width, cache, void_outliers) for config in configs]


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder in natural order, as datasets do.

    Raises:
        TrainingError: there are none.
    """
    files = images.image_files(folder)
    if not files:
        raise TrainingError(f"{folder}: no images ({', '.join(sorted(images.IMAGE_SUFFIXES))}) found")
    return files


def spread(total: int, count: int) -> list[int]:
    """Return up to `count` of the numbers from 0 to `total` - 1, evenly spread from the first to the last."""
    return [int(index) for index in np.unique(np.linspace(0, total - 1, count).round())]


def cache_path(cache: Path, name: str, folders: Iterable[Path], settings: object) -> Path:
    """Name the store of what is made from the images of `folders`: another one for other contents or `settings`.

    Raises:
        TrainingError: a folder holds no images.
    """
    content = hashlib.sha256(repr(settings).encode())
    for folder in folders:
        for path in image_files(folder):
            content.update(path.name.encode() + bytes.fromhex(file_sha256(path)))
    return cache / f"{name.replace('/', '_')}-{content.hexdigest()[:16]}"
