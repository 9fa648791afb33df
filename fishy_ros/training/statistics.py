"""Statistics of normal training pixels that some heads need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fishy_ros.detector import resize_into
from fishy_ros.errors import TrainingError
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.heads.registry import FeatureStatistics
from fishy_ros.training.heads.statistics import halve
from fishy_ros.training.mixture import fit_mixture, pick_pixels
from fishy_ros.types import ImageArray


def to_tensor(image: ImageArray, height: int, width: int) -> Tensor:
    """Resize a BGR image as the detector does and return float `[1, 3, height, width]` in 0..255."""
    resized = np.empty((height, width, 3), np.uint8)
    resize_into(image, resized)
    return torch.from_numpy(np.ascontiguousarray(resized.transpose(2, 0, 1))).float()[None]


@torch.no_grad()
def measure_statistics(model: AnomalyModel, images: Iterable[Tensor]) -> FeatureStatistics:
    """Measure largest logits and fine features by predicted class over normal images `[1, 3, H, W]`.

    H and W are multiples of 32.

    Raises:
        TrainingError: there is no image.
    """
    model.eval()
    classes, width = model.net.classes, model.net.detail
    count = torch.zeros(classes, dtype=torch.float64)
    logit_sum, logit_square = count.clone(), count.clone()
    feature_sum = torch.zeros(classes, width, dtype=torch.float64)
    product = torch.zeros(width, width, dtype=torch.float64)
    generator, picked = torch.Generator().manual_seed(0), []
    for image in images:
        net = model.net(model.normalise(image))
        largest, winner = net.logits.flatten(2).max(dim=1)
        one_hot = torch.nn.functional.one_hot(winner[0], classes).double()
        value, feature = largest[0].double(), net.detail.flatten(2)[0].double()
        count += one_hot.sum(0)
        logit_sum += value @ one_hot
        logit_square += value.square() @ one_hot
        feature_sum += one_hot.T @ feature.T
        product += feature @ feature.T
        coarse = halve(net.logits).argmax(dim=1).flatten()
        picked.append(pick_pixels(halve(net.detail)[0].flatten(1), coarse, generator))
    if count.sum() == 0:
        raise TrainingError("no training image was given to measure statistics on")
    seen = count.clamp_min(1)
    mean = logit_sum / seen
    spread = (logit_square / seen - mean.square()).clamp_min(1e-6).sqrt()
    means = feature_sum / seen[:, None]
    covariance = (product - (means * count[:, None]).T @ means) / count.sum()
    unseen = count == 0
    mean[unseen], spread[unseen] = mean[~unseen].mean(), spread[~unseen].mean()
    means[unseen] = means[~unseen].mean(0)
    mixture = fit_mixture(torch.cat(picked), covariance)
    return FeatureStatistics(mean.float(), spread.float(), means.float(), covariance.float(), *mixture)


def save_statistics(path: Path, statistics: FeatureStatistics) -> None:
    """Write statistics as safetensors."""
    save_file({name: value.contiguous() for name, value in statistics.__dict__.items()}, path)


def load_statistics(path: Path) -> FeatureStatistics:
    """Read statistics that `save_statistics` wrote.

    Raises:
        TrainingError: the file is missing or holds something else.
    """
    try:
        return FeatureStatistics(**load_file(path))
    except (OSError, TypeError, SafetensorError) as error:
        raise TrainingError(f"{path}: no statistics of a training run: {error}") from error
