"""Value objects that cross the boundaries between the layers of the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

ImageArray: TypeAlias = NDArray[np.uint8]
"""A color image, uint8 `[H, W, 3]`, BGR."""

ScoreMap: TypeAlias = NDArray[np.float32]
"""An anomaly score a pixel, float32 `[h, w]`; larger is more anomalous."""

LabelMap: TypeAlias = NDArray[np.uint8]
"""A label a pixel, uint8 `[H, W]`."""

NORMAL: int = 0
ANOMALY: int = 1
IGNORED: int = 255


@dataclass(frozen=True)
class Sample:
    """One labelled (or unlabelled) frame of a dataset.

    `labels` is uint8 `[H, W]` with `NORMAL`, `ANOMALY` and `IGNORED`, of the size of `image`, or
    None where the dataset has no labels for the frame. `classes` is uint8 `[H, W]` with the true Cityscapes
    train ids, 255 where a pixel has none, or None where the dataset has no classes.
    """

    id: str
    image: ImageArray
    labels: LabelMap | None = None
    classes: LabelMap | None = None


@dataclass(frozen=True)
class Detection:
    """What the detector found in one image.

    `score` is float32 `[h, w]` in [0, 1] and `labels` uint8 `[h, w]` with Cityscapes train ids, both at the
    resolution of the graph's outputs, for the shipped models half of that of its input. `timings_ms` maps a stage
    (`resize`, `inference`, `output`) to milliseconds.
    The arrays belong to the caller.
    """

    score: ScoreMap
    labels: LabelMap
    timings_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SemanticClass:
    """One class of the segmentation: its train id, name and color (RGB, 0 to 255)."""

    id: int
    name: str
    color: tuple[int, int, int]
