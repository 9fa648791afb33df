"""All training images in the memory of the device, and crops of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from fishy_ros.training.augment import AugmentConfig, Region, draw_region
from fishy_ros.training.sources import TrainingSource


@dataclass
class Scenes:
    """A batch of crops under construction on the device, all changed in place.

    `image` float32 `[B, 3, H, W]` BGR in 0..255; `labels`, `outlier` and `confidence` uint8 `[B, H, W]`. `horizon` and
    `softness` are known on the host, see `Region`.
    """

    image: Tensor
    labels: Tensor
    outlier: Tensor
    confidence: Tensor
    horizon: NDArray[np.float64]
    softness: NDArray[np.float64]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.image.shape[2], self.image.shape[3]


class DeviceImages:
    """The stores of some sources, uploaded once, byte by byte as they lie on disk."""

    def __init__(self, sources: Sequence[TrainingSource], device: torch.device) -> None:
        self._sources = sources
        self._bytes = [_upload(source, device) for source in sources]
        weights = np.array([source.config.weight for source in sources])
        self._chances = weights / weights.sum()

    def draw(self, count: int, config: AugmentConfig, rng: Generator) -> Scenes:
        """Cut random regions of random images, as `random_crop` does."""
        images, maps, regions = [], [], []
        for number in rng.choice(len(self._sources), size=count, p=self._chances):
            source = self._sources[int(number)]
            index = int(rng.integers(len(source)))
            height, width = source.arrays.place(4 * index)[1][:2]
            region = draw_region(height, width, source.config.horizon, config, rng)
            image, labels = self._cut(int(number), index, region, config)
            images.append(image)
            maps.append(labels)
            regions.append(region)
        stacked = torch.cat(maps)
        return Scenes(
            torch.cat(images),
            stacked[:, 0],
            stacked[:, 1],
            stacked[:, 2],
            np.array([region.horizon for region in regions]),
            np.array([region.softness for region in regions]),
        )

    def _cut(self, number: int, index: int, region: Region, config: AugmentConfig) -> tuple[Tensor, Tensor]:
        start, (height, width, _) = self._sources[number].arrays.place(4 * index)
        pixels, size = height * width, (config.height, config.width)
        data = self._bytes[number]
        rows = slice(region.y, region.y + region.height)
        columns = slice(region.x, region.x + region.width)
        image = data[start : start + 3 * pixels].view(height, width, 3)[rows, columns].permute(2, 0, 1)
        maps = data[start + 3 * pixels : start + 6 * pixels].view(3, height, width)[:, rows, columns]
        # Smoothing before shrinking is this library's way of what OpenCV calls area interpolation.
        image = F.interpolate(image[None].float(), size, mode="bilinear", antialias=True)
        maps = F.interpolate(maps[None], size, mode="nearest")
        return (image.flip(3), maps.flip(3)) if region.mirrored else (image, maps)


def stored_bytes(sources: Sequence[TrainingSource]) -> int:
    """Tell how much memory `DeviceImages` takes."""
    return sum(source.arrays.size for source in sources)


def _upload(source: TrainingSource, device: torch.device) -> Tensor:
    store = source.arrays
    return torch.from_file(str(store.data_path), shared=False, size=store.size, dtype=torch.uint8).to(device)
