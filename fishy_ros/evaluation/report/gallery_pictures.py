"""Turn gallery frames into pictures: image, labels, heatmap, overlay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from fishy_ros.errors import ImageError
from fishy_ros.evaluation.report.gallery import Gallery, GalleryEntry
from fishy_ros.imaging import colorize, render_overlay
from fishy_ros.types import ANOMALY, IGNORED, ImageArray, LabelMap, ScoreMap

_IGNORED_COLOR = (60, 60, 60)
_NORMAL_COLOR = (190, 190, 190)
_ANOMALY_COLOR = (60, 60, 230)


@dataclass(frozen=True)
class GalleryPictures:
    """The pictures of one frame, JPEG by name (`image`, `labels`, `heatmap`, `overlay`), in order of showing."""

    group: str
    """`best`, `median` or `worst`."""
    frame: str
    ap: float
    jpegs: dict[str, bytes]


def draw_gallery(
    gallery: Gallery, score_range: tuple[float, float], threshold: float | None
) -> Iterator[GalleryPictures]:
    """Draw all frames of a gallery.

    Args:
        gallery: the frames.
        score_range: scores shown as the lowest and the highest color.
        threshold: outlined in the overlay; None outlines nothing.
    """
    for group, entries in (("best", gallery.best), ("median", gallery.median), ("worst", gallery.worst)):
        for entry in entries:
            pictures = _draw(entry, score_range, threshold)
            jpegs = {name: _jpeg(picture) for name, picture in pictures.items()}
            yield GalleryPictures(group, entry.frame, entry.ap, jpegs)


def _draw(entry: GalleryEntry, score_range: tuple[float, float], threshold: float | None) -> dict[str, ImageArray]:
    low, high = score_range
    score = _scale(entry.score, low, high)
    pictures: dict[str, ImageArray] = {}
    if entry.image is not None:
        pictures["image"] = entry.image
    if entry.labels is not None:
        pictures["labels"] = _color_labels(entry.labels)
    pictures["heatmap"] = colorize(score)
    if entry.image is not None:
        level = 1.0 if threshold is None else float(np.clip((threshold - low) / (high - low), 0.0, 1.0))
        pictures["overlay"] = render_overlay(entry.image, score, level)
    return pictures


def _scale(score: ScoreMap, low: float, high: float) -> ScoreMap:
    with np.errstate(invalid="ignore"):
        scaled = (score - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.nan_to_num(scaled, nan=1.0).clip(0.0, 1.0), np.float32)


def _color_labels(labels: LabelMap) -> ImageArray:
    picture = np.full((*labels.shape, 3), _IGNORED_COLOR, np.uint8)
    picture[labels != IGNORED] = _NORMAL_COLOR
    picture[labels == ANOMALY] = _ANOMALY_COLOR
    return picture


def _jpeg(picture: ImageArray) -> bytes:
    done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise ImageError(f"a picture of {picture.shape} cannot be encoded as JPEG")
    return encoded.tobytes()
