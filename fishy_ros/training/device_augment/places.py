"""Where things stand: foot points on the ground, drawn on the device from the labels of the crops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fishy_ros.training.device_augment.device_images import Scenes
from fishy_ros.training.device_augment.operations import to_device
from fishy_ros.training.paste import GROUND, ROAD

STEP: int = 4
"""Every so many pixels a foot may stand."""

FEWEST_PLACES: int = 20
"""With fewer places nothing is put on the ground."""

LEAST_PX_BELOW_HORIZON: int = 6
SMALLEST_PX: int = 4
LARGEST_SHARE: float = 0.75
"""The height of an object is between these, px and a share of the crop."""


class Places(NamedTuple):
    """For each of some crops `[K]` where its object stands; all on the device."""

    x: Tensor
    base: Tensor
    height: Tensor
    """In px, a whole number as float32."""
    found: Tensor
    """False where there is no ground; then the other values mean nothing."""


def place_on_ground(
    scenes: Scenes,
    crops: Tensor,
    numbers: NDArray[np.int64],
    road_only: NDArray[np.bool_],
    share: NDArray[np.float64],
    generator: torch.Generator,
) -> Places:
    """Draw a foot point for crops `numbers` (on the device `crops`); `share` of the height of the camera there is tall.

    Uniform in the distance to the horizon on a logarithmic scale, else nearly all objects would stand close by.
    """
    device = scenes.image.device
    labels = scenes.labels[crops][:, ::STEP, ::STEP]
    k, rows, columns = labels.shape
    ground = labels == ROAD
    wider = ground
    for train_id in GROUND:
        wider = wider | (labels == train_id)
    ground = torch.where(to_device(road_only, device)[:, None, None], ground, wider)
    horizon = to_device(scenes.horizon[numbers], device)
    ahead = torch.arange(rows, device=device)[None] * STEP - horizon[:, None]
    ground = ground & (ahead > LEAST_PX_BELOW_HORIZON)[:, :, None]
    # The largest of log weight + Gumbel noise is a draw by weight (Gumbel, 1954), and nothing is read back for it.
    noise = torch.rand((k, rows, columns), generator=generator, device=device).clamp(1e-7, 1 - 1e-7)
    weight = -ahead.clamp_min(1e-3).log()[:, :, None] - (-noise.log()).log()
    pick = weight.masked_fill(~ground, -torch.inf).flatten(1).argmax(dim=1)
    row, column = pick // columns, pick % columns
    tall = to_device(share, device) * (row * STEP - horizon)
    height = tall.clamp(SMALLEST_PX, LARGEST_SHARE * scenes.size[0]).floor()
    found = ground.flatten(1).sum(dim=1) >= FEWEST_PLACES
    return Places((column * STEP).float(), (row * STEP).float(), height, found)
