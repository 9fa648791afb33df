"""Calibration: what share of normal pixels lies above a value of the heatmap, measured on training images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fishy_ros.errors import TrainingError
from fishy_ros.model_package import Calibration
from fishy_ros.training.graph import ScoreScale
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.sources import TrainingSource, normal_pictures
from fishy_ros.training.statistics import to_tensor
from fishy_ros.training.views import view

SHARES: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
"""Shares of normal pixels for which thresholds are stated."""

CENTRE_SHARE: float = 0.01
WIDTH_SHARE: float = 0.0001
DEFAULT_SHARE: float = 0.001
"""Shares of normal pixels above heatmap 0.5, above 0.75, and above the default threshold."""


@dataclass(frozen=True)
class MeasuredCalibration:
    """Scale and tail of one head's raw scores on normal images."""

    head: str
    images: int
    centre: float
    width: float
    shares: tuple[float, ...]
    thresholds: tuple[float, ...]
    """Heatmap value that each of `shares` of the normal pixels exceeds."""
    fovea: bool = False
    """Whether the network looked a second time, at the road ahead; see `fishy_ros.training.views`."""
    input_height: int = 0
    input_width: int = 0
    """Size in px at which the images were shown; 0 where a file of an earlier release does not say it."""

    @property
    def scale(self) -> ScoreScale:
        """The parameters of the graph's calibration nodes."""
        return ScoreScale(self.centre, self.width)

    def describe(self) -> Calibration:
        """Say it as a model package does."""
        pairs = sorted(zip(self.thresholds, self.shares, strict=True))
        return Calibration(
            meaning=(
                "A threshold t means: the share of pixels of normal driving images (the training images, nothing "
                "pasted) whose heatmap value is above t; see normal_share_above."
            ),
            default_threshold=self.thresholds[self.shares.index(DEFAULT_SHARE)],
            normal_share_above=tuple((float(t), float(share)) for t, share in pairs),
        )

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def load_calibration(path: Path) -> MeasuredCalibration:
    """Read what `MeasuredCalibration.save` wrote.

    Raises:
        TrainingError: the file is missing or holds something else.
    """
    try:
        content = json.loads(path.read_text())
        return MeasuredCalibration(
            **{**content, "shares": tuple(content["shares"]), "thresholds": tuple(content["thresholds"])}
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"{path}: no calibration: {error}") from error


def normal_images(sources: Sequence[TrainingSource], count: int, height: int, width: int) -> Iterator[Tensor]:
    """Yield up to `count` whole training images `[1, 3, height, width]`, spread evenly over and within the sources."""
    for picture in normal_pictures(sources, count):
        yield to_tensor(picture, height, width)


@torch.no_grad()
def measure_calibration(
    name: str, model: AnomalyModel, head: nn.Module, images: Iterable[Tensor], fovea: bool = False
) -> MeasuredCalibration:
    """Measure the distribution of a head's raw score on normal images, with or without a second look at the road.

    Raises:
        TrainingError: no image was given, or the score is the same everywhere, or not finite.
    """
    model.eval()
    looked_at = view(fovea)
    pools = []
    for image in images:
        pixels = looked_at.look(image)
        net = model.net(model.normalise(pixels))
        height, width = image.shape[-2:]
        pools.append(looked_at.score(head(net.logits, net, pixels)).flatten().numpy())
    if not pools:
        raise TrainingError("no training image was given to calibrate on")
    raw = np.concatenate(pools)
    if not np.isfinite(raw).all():
        raise TrainingError(f"head {name}: some scores of normal pixels are not finite; has the training diverged?")
    centre, tail = np.quantile(raw, [1 - CENTRE_SHARE, 1 - WIDTH_SHARE])
    if tail <= centre:
        raise TrainingError(f"head {name}: the score of normal pixels does not vary; it cannot be calibrated")
    z = (np.quantile(raw, [1 - share for share in SHARES]) - centre) / (tail - centre)
    thresholds = 0.5 + 0.5 * z / (1 + np.abs(z))
    values = tuple(float(threshold) for threshold in thresholds)
    return MeasuredCalibration(
        name, len(pools), float(centre), float(tail - centre), SHARES, values, fovea, height, width
    )
