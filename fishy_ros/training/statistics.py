"""What heads learn from images of a trained network: measured together, in one pass, kept in one file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from fishy_ros.errors import ConfigError, TrainingError
from fishy_ros.imaging import resize_into
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.registry import MEASURES, measures_of
from fishy_ros.training.heads.spec import Observation, Statistics
from fishy_ros.types import ImageArray


class PastedImage(NamedTuple):
    """An image `[1, 3, H, W]` with pasted anomalies, and uint8 `[1, H/4, W/4]`: 0 normal, 1 anomaly, 255 ignored."""

    image: Tensor
    outlier: Tensor


def to_tensor(image: ImageArray, height: int, width: int) -> Tensor:
    """Resize a BGR image as the detector does and return float `[1, 3, height, width]` in 0..255."""
    resized = np.empty((height, width, 3), np.uint8)
    resize_into(image, resized)
    return torch.from_numpy(np.ascontiguousarray(resized.transpose(2, 0, 1))).float()[None]


WEIGHTS: str = "weights_sha256"
"""Key of the metadata of a file of statistics: the weights that they were measured with."""


@torch.no_grad()
def measure_statistics(
    model: AnomalyModel,
    heads: Iterable[str],
    images: Iterable[Tensor],
    pasted: Iterable[PastedImage] | None = None,
    known: Statistics | None = None,
) -> Statistics:
    """Measure what some heads need.

    Args:
        model: is put into evaluation mode.
        heads: names of the heads.
        images: normal images `[1, 3, H, W]`, H and W multiples of 32.
        pasted: images with pasted anomalies, for heads whose weights are fitted; no frame that is scored later.
        known: what was measured before with the same weights; it is not measured again.

    Raises:
        ConfigError: a head is unknown, or needs pasted anomalies but none are given.
        TrainingError: no image was given.
    """
    model.eval()
    found = Statistics(known or {})
    missing = missing_measures(heads, found)
    fitted = [name for name in missing if MEASURES[name].pasted]
    if fitted and pasted is None:
        raise ConfigError(f"{', '.join(fitted)}: fitted on images with pasted anomalies; name objects with --objects")
    _measure_in_turn(model, found, [name for name in missing if name not in fitted], ((each, None) for each in images))
    _measure_in_turn(model, found, fitted, pasted or ())
    return found


def missing_measures(heads: Iterable[str], known: Statistics) -> list[str]:
    """Name what some heads need that is not known.

    Raises:
        ConfigError: a head is unknown.
    """
    return [name for name in measures_of(heads) if not known.has(name)]


def _measure_in_turn(
    model: AnomalyModel, found: Statistics, names: list[str], images: Iterable[tuple[Tensor, Tensor | None]]
) -> None:
    """Measure; what reads the result of another one sees the images once more."""
    while names:
        ready = [name for name in names if not {*MEASURES[name].after} & {*names}]
        images = images if ready == names else list(images)
        _measure(model, found, ready, images)
        names = [name for name in names if name not in ready]


def _measure(
    model: AnomalyModel, found: Statistics, names: list[str], images: Iterable[tuple[Tensor, Tensor | None]]
) -> None:
    """Show images to some measures at once, and add what they find."""
    measures = {name: MEASURES[name].build(model, found) for name in names}
    for image, outlier in images if measures else ():
        seen = Observation(image, model.net(model.normalise(image)), outlier)
        for measure in measures.values():
            measure.observe(seen)
    for name, measure in measures.items():
        found.add(name, measure.finish())


def save_statistics(path: Path, statistics: Statistics, weights_sha256: str | None = None) -> None:
    """Write statistics as safetensors, with the hash of the weights file that they were measured with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = None if weights_sha256 is None else {WEIGHTS: weights_sha256}
    save_file({name: value.contiguous().clone() for name, value in statistics.items()}, path, metadata=metadata)


def load_statistics(path: Path, weights_sha256: str | None = None) -> Statistics:
    """Read statistics that `save_statistics` wrote; a file that is missing holds none.

    Args:
        path: the file.
        weights_sha256: hash of the weights file that they must have been measured with, where the file says so.

    Raises:
        TrainingError: the file holds something else.
        ConfigError: they were measured with other weights.
    """
    if not path.exists():
        return Statistics()
    try:
        with safe_open(path, "pt") as file:
            measured = (file.metadata() or {}).get(WEIGHTS)
        statistics = Statistics(load_file(path))
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: not statistics of a training run: {error}") from error
    if measured is not None and weights_sha256 is not None and measured != weights_sha256:
        raise ConfigError(
            f"{path}: measured with weights {measured[:12]}, expected {weights_sha256[:12]}; name another file"
        )
    return statistics
