"""What heads learn from images of a trained network: measured together, in one pass, kept in one file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
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


@torch.no_grad()
def measure_statistics(
    model: AnomalyModel, heads: Iterable[str], images: Iterable[Tensor], pasted: Iterable[PastedImage] | None = None
) -> Statistics:
    """Measure what some heads need.

    Args:
        model: is put into evaluation mode.
        heads: names of the heads.
        images: normal images `[1, 3, H, W]`, H and W multiples of 32.
        pasted: images with pasted anomalies, for heads whose weights are fitted; no frame that is scored later.

    Raises:
        ConfigError: a head is unknown, or needs pasted anomalies and there are none.
        TrainingError: there is no image.
    """
    model.eval()
    found, names = Statistics(), measures_of(heads)
    fitted = [name for name in names if MEASURES[name].pasted]
    plain = {name: MEASURES[name].build(model, found) for name in names if name not in fitted}
    if fitted and pasted is None:
        raise ConfigError(f"{', '.join(fitted)}: fitted on images with pasted anomalies; name objects with --objects")
    for image in images if plain else ():
        seen = Observation(image, model.net(model.normalise(image)))
        for measure in plain.values():
            measure.observe(seen)
    for name, measure in plain.items():
        found.add(name, measure.finish())
    searching = {name: MEASURES[name].build(model, found) for name in fitted}
    for image, outlier in (pasted or ()) if fitted else ():
        seen = Observation(image, model.net(model.normalise(image)), outlier)
        for measure in searching.values():
            measure.observe(seen)
    for name, measure in searching.items():
        found.add(name, measure.finish())
    return found


def save_statistics(path: Path, statistics: Statistics) -> None:
    """Write statistics as safetensors."""
    save_file({name: value.contiguous().clone() for name, value in statistics.items()}, path)


def load_statistics(path: Path) -> Statistics:
    """Read statistics that `save_statistics` wrote; a file that is missing holds none.

    Raises:
        TrainingError: the file holds something else.
    """
    if not path.exists():
        return Statistics()
    try:
        return Statistics(load_file(path))
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: not statistics of a training run: {error}") from error
