"""Score maps saved by any method, paired by name with label pictures."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fishy_ros.arrays import read_npy
from fishy_ros.datasets.images import IMAGE_SUFFIXES, natural_key, read_image
from fishy_ros.documents import read_limited
from fishy_ros.errors import ImageError, ScoreError
from fishy_ros.evaluation.scoring.score import ScoredFrame
from fishy_ros.imaging import MAX_PICTURE_BYTES, decode_picture
from fishy_ros.types import LabelMap, ScoreMap

SCORE_SUFFIXES: tuple[str, ...] = (".npy", ".tiff", ".tif")
"""File name endings of score maps."""


class SavedMaps:
    """Pairs of score map and labels, read anew at every iteration.

    Args:
        scores: folder with `NAME.npy` or `NAME.tiff`, float `[h, w]` or `[1, h, w]`.
        labels: folder with `NAME.png`, uint8 with 0 = normal, 1 = anomaly, anything else ignored.
        images: folder with `NAME.*`, the images themselves, for the report.

    Raises:
        ScoreError: a folder is missing, there are no score maps, or score maps and labels do not pair up.
    """

    def __init__(self, scores: Path, labels: Path, images: Path | None = None) -> None:
        found = _by_name(scores, SCORE_SUFFIXES, "score maps")
        truth = _by_name(labels, (".png",), "labels")
        missing = sorted(found.keys() - truth.keys(), key=natural_key)
        if missing:
            raise ScoreError(
                f"{labels}: no {missing[0]}.png for {found[missing[0]]} ({len(missing)} of {len(found)} score maps "
                "have no labels)"
            )
        self.unscored: tuple[str, ...] = tuple(sorted(truth.keys() - found.keys(), key=natural_key))
        """Names with labels but no score map."""
        pictures = _by_name(images, tuple(IMAGE_SUFFIXES), "images") if images else {}
        names = sorted(found, key=natural_key)
        self._files = [(name, found[name], truth[name], pictures.get(name)) for name in names]
        self._digests: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[ScoredFrame]:
        for name, score_path, labels_path, image_path in self._files:
            score_bytes, labels_bytes = _read(score_path), _read(labels_path)
            self._digests[name] = _digest((score_bytes, labels_bytes))
            image = read_image(image_path) if image_path else None
            yield ScoredFrame(
                name, _decode_score(score_bytes, score_path), _decode_labels(labels_bytes, labels_path), image
            )

    @property
    def sha256(self) -> str | None:
        """Hash of the names and contents of all maps and labels; None until all have been read once."""
        if len(self._digests) < len(self._files):
            return None
        return _digest(
            f"{name} {self._digests[name]}\n".encode("utf-8", "surrogateescape") for name in sorted(self._digests)
        )


def _by_name(folder: Path, suffixes: tuple[str, ...], what: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise ScoreError(f"{folder}: no such folder; expected {what}")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and path.is_file():
            if path.stem in files:
                raise ScoreError(f"{folder}: both {files[path.stem].name} and {path.name}; expected one file a name")
            files[path.stem] = path
    if not files:
        others = sorted(path.name for path in folder.iterdir())[:3]
        raise ScoreError(
            f"{folder}: no {what} (NAME{', NAME'.join(suffixes)}); it holds {', '.join(others) or 'nothing'}"
        )
    return files


def _read(path: Path) -> bytes:
    return read_limited(path, MAX_PICTURE_BYTES, ScoreError)


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _decode_score(content: bytes, path: Path) -> ScoreMap:
    is_array = path.suffix.lower() == ".npy"
    score = (
        read_npy(io.BytesIO(content), len(content), path, ScoreError) if is_array else _decode_picture(content, path)
    )
    if score.ndim == 3 and score.shape[0] == 1:
        score = score[0]
    if score.ndim != 2 or score.size == 0 or not np.issubdtype(score.dtype, np.floating):
        raise ScoreError(f"{path}: the score map is {score.dtype} {score.shape}, expected floats [h, w]")
    return np.asarray(score, np.float32)


def _decode_labels(content: bytes, path: Path) -> LabelMap:
    labels = _decode_picture(content, path)
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ScoreError(f"{path}: the labels are {labels.dtype} {labels.shape}, expected one byte a pixel")
    return np.asarray(labels, np.uint8)


def _decode_picture(content: bytes, path: Path) -> NDArray[np.generic]:
    try:
        return decode_picture(content, cv2.IMREAD_UNCHANGED)
    except ImageError as error:
        raise ScoreError(f"{path}: no picture that can be decoded: {error}") from error
