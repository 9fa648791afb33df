"""Pack everything that a training configuration reads into one small archive, to train on another machine."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.training.config import TrainConfig
from fishy_ros.training.object_crops import MAX_SIDE
from fishy_ros.training.sources import SourceConfig, image_files, read_image, read_map

Report = Callable[[str], None]
"""Called with the name of every file that was packed."""


def pack_training_data(config: TrainConfig, out: Path, max_width: int, quality: int, report: Report) -> None:
    """Write a zip with the layout of the data root; unpack it anywhere and pass `--data`.

    Images become WebP of at most `max_width` px, label maps PNG of the size of their image, object crops WebP of
    at most 256 px. The sets that `validation` names are not packed: train with `--no-validation`. A crash in
    between leaves no archive.

    Raises:
        TrainingError: something that the configuration names is missing.
    """
    root = Path(config.data)
    temporary = out.with_suffix(".tmp")
    try:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, content in _entries(config, root, max_width, quality):
                archive.writestr(name, content)
                report(name)
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)


def _entries(config: TrainConfig, root: Path, max_width: int, quality: int) -> Iterator[tuple[str, bytes]]:
    for source in config.sources:
        yield from _pack_source(source, root, max_width, quality)
    folders = config.outliers
    for folder in folders.rgba:
        for path in image_files(root / folder):
            yield (
                f"{folder}/{path.stem}.webp",
                _webp(_shrink(read_image(path, cv2.IMREAD_UNCHANGED), MAX_SIDE), quality),
            )
    for path in sorted((root / folders.coco).glob("images/*/*.jpg")):
        yield str(path.relative_to(root)), path.read_bytes()
    for path in sorted((root / folders.coco).glob("labels/*/*.txt")):
        yield str(path.relative_to(root)), path.read_bytes()
    for path in sorted((root / folders.instances).glob("*.png")):
        yield f"{folders.instances}/{path.name}", _png(_shrink_labels(path, max_width))


def _pack_source(source: SourceConfig, root: Path, max_width: int, quality: int) -> Iterator[tuple[str, bytes]]:
    maps = [
        folder for folder in (source.labels, source.confidence, source.coarse, source.label_ids) if folder is not None
    ]
    for path in image_files(root / source.images):
        yield (
            f"{source.images}/{path.stem}.webp",
            _webp(_shrink(read_image(path, cv2.IMREAD_COLOR), max_width), quality),
        )
        for folder in maps:
            yield f"{folder}/{path.stem}.png", _png(_shrink_labels(root / folder / f"{path.stem}.png", max_width))


def _shrink(image: NDArray[np.integer[Any]], max_side: int) -> NDArray[np.integer]:
    scale = max_side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _shrink_labels(path: Path, max_width: int) -> NDArray[np.integer[Any]]:
    values = read_map(path)
    if values.shape[1] <= max_width:
        return values
    size = (max_width, round(values.shape[0] * max_width / values.shape[1]))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_NEAREST))


def _webp(image: NDArray[np.integer[Any]], quality: int) -> bytes:
    return bytes(cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1])


def _png(values: NDArray[np.integer[Any]]) -> bytes:
    return bytes(cv2.imencode(".png", values, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1])
