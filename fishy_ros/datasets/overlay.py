"""Paste unknown objects and distractors into images, after Fishyscapes Static and Web (Blum et al., IJCV 2021)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fishy_ros.datasets.base import Dataset
from fishy_ros.datasets.object_crops import ObjectCrop, choose, find_object_crops
from fishy_ros.datasets.overlay_effects import (
    FloatImage,
    color_noise,
    depth_blur,
    glow,
    match_histogram,
    premultiply,
    radial_motion_blur,
    soften_edge,
)
from fishy_ros.errors import ConfigError
from fishy_ros.types import ANOMALY, NORMAL, ImageArray, LabelMap, Sample


@dataclass(frozen=True)
class OverlaySettings:
    """How objects are placed and blended.

    `horizon` is its row as a share of the height; `camera_height` and `object_height` (lowest, highest) are in
    m; `objects` and `distractors` are the fewest and most in a frame. `histogram` (0 to 1), `motion` (growth while
    the shutter is open), `defocus` (px a 1000 px of height, at the horizon), `noise` (of 255) and `glow` (0 to
    1) are the strengths of the effects.
    """

    horizon: float = 0.44
    camera_height: float = 1.3
    object_height: tuple[float, float] = (0.25, 1.8)
    objects: tuple[int, int] = (1, 2)
    distractors: tuple[int, int] = (0, 2)
    histogram: float = 0.45
    motion: float = 0.015
    defocus: float = 2.5
    noise: float = 3.0
    glow: float = 0.25

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: one is out of range.
        """
        for name in ("horizon", "histogram", "glow"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise ConfigError(f"overlay {name} is {value}, expected 0 to 1")
        for name in ("objects", "distractors", "object_height"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ConfigError(f"overlay {name} is {low} to {high}, expected a range from 0 up")
        for name in ("motion", "defocus", "noise"):
            if not (value := getattr(self, name)) >= 0:
                raise ConfigError(f"overlay {name} is {value}, expected 0 or more")
        if not self.camera_height > 0:
            raise ConfigError(f"overlay camera_height is {self.camera_height} m, expected more than 0")


@dataclass(frozen=True)
class Placement:
    """Where an object stands: the middle of its foot (x, y) and its height, in px."""

    x: float
    y: float
    height: float


class OverlayDataset:
    """The frames of another dataset with objects pasted in; a frame depends on the seed and its number.

    Labels are those of the base dataset (0 where it has none), 1 where an object covers at least half of a
    pixel, 0 where a distractor does.
    """

    def __init__(
        self,
        base: Dataset,
        objects: Path,
        distractors: Path | None = None,
        seed: int = 0,
        settings: OverlaySettings | None = None,
    ) -> None:
        """Paste the object crops under `objects` as anomalies, those under `distractors` as normal things.

        Raises:
            DatasetError: a folder holds no object crops.
        """
        self._base = base
        self._objects = find_object_crops(objects)
        self._distractors = find_object_crops(distractors) if distractors is not None else ()
        self._seed = seed
        self._settings = settings or OverlaySettings()

    @property
    def name(self) -> str:
        """The name of the base dataset, marked."""
        return f"{self._base.name}+overlay"

    def __len__(self) -> int:
        return len(self._base)

    def __getitem__(self, index: int) -> Sample:
        """Read a frame and paste into it.

        Raises:
            DatasetError: the frame or an object crop cannot be read.
        """
        frame = range(len(self))[index]
        sample = self._base[frame]
        random = np.random.default_rng([self._seed, frame])
        image = sample.image.astype(np.float32)
        labels = np.zeros(image.shape[:2], np.uint8) if sample.labels is None else sample.labels.copy()
        for crop, meaning in self._draw(random):
            placement = draw_placement(sample.image, self._settings, random)
            paste(image, labels, crop, placement, meaning, self._settings, random)
        return Sample(sample.id, np.clip(np.rint(image), 0, 255).astype(np.uint8), labels)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def _draw(self, random: np.random.Generator) -> list[tuple[ObjectCrop, int]]:
        chosen: list[tuple[ObjectCrop, int]] = []
        kinds: tuple[tuple[Sequence[Path], tuple[int, int], int], ...] = (
            (self._distractors, self._settings.distractors, NORMAL),
            (self._objects, self._settings.objects, ANOMALY),
        )
        for paths, (fewest, most), meaning in kinds:
            count = int(random.integers(fewest, most + 1)) if paths else 0
            chosen += [(choose(paths, random), meaning) for _ in range(count)]
        return chosen


def draw_placement(image: ImageArray, settings: OverlaySettings, random: np.random.Generator) -> Placement:
    """Draw where an object stands on the ground; its size follows from the row of its foot by perspective.

    A thing of h metres on flat ground is h / camera_height times as tall as its foot is below the horizon.
    """
    rows, columns = image.shape[:2]
    horizon = settings.horizon * rows
    foot = horizon + (rows - horizon) * random.uniform(0.12, 0.95)
    low, high = settings.object_height
    metres = low * (high / low) ** random.uniform(0, 1) if low > 0 else random.uniform(low, high)
    return Placement(random.uniform(0.05, 0.95) * columns, foot, metres / settings.camera_height * (foot - horizon))


def paste(
    image: FloatImage,
    labels: LabelMap,
    crop: ObjectCrop,
    placement: Placement,
    meaning: int,
    settings: OverlaySettings,
    random: np.random.Generator,
) -> None:
    """Blend an object crop into `image`, float32 `[H, W, 3]`, and write `meaning` into `labels`, both in place."""
    rows, columns = labels.shape
    margin = 6
    colors, alpha = _resized(crop, placement, random.random() < 0.5, margin)
    left, top = round(placement.x - alpha.shape[1] / 2), round(placement.y) - alpha.shape[0] + margin
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + alpha.shape[1], columns), min(top + alpha.shape[0], rows)
    if x1 <= x0 or y1 <= y0:
        return
    background = image[y0:y1, x0:x1]
    colors = match_histogram(colors, alpha, np.clip(background, 0, 255).astype(np.uint8), settings.histogram)
    colors = color_noise(colors, settings.noise, random)
    nearness = np.clip((placement.y / rows - settings.horizon) / (1 - settings.horizon), 0, 1)
    blurred = depth_blur(premultiply(colors, alpha), settings.defocus * rows / 1000 * float(1 - nearness))
    focus = (columns / 2 - left, settings.horizon * rows - top)
    blurred = radial_motion_blur(blurred, focus, settings.motion * float(nearness))
    seen = blurred[y0 - top : y1 - top, x0 - left : x1 - left]
    cover = seen[..., 3]
    spill = glow(cover, radius=max(0.02 * placement.height, 1.0), strength=settings.glow)[..., None]
    surroundings = cv2.blur(background, (2 * margin + 1, 2 * margin + 1))
    background *= 1 - cover[..., None]
    background += seen[..., :3] * (1 - spill) + surroundings * spill * cover[..., None]
    labels[y0:y1, x0:x1][cover >= 0.5] = meaning


def _resized(crop: ObjectCrop, placement: Placement, mirrored: bool, margin: int) -> tuple[FloatImage, FloatImage]:
    scale = placement.height / crop.alpha.shape[0]
    size = (max(round(crop.alpha.shape[1] * scale), 2), max(round(placement.height), 2))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    alpha = np.pad(cv2.resize(crop.alpha, size, interpolation=how), margin)
    borders = ((margin, margin), (margin, margin), (0, 0))
    resized = cv2.resize(crop.image, size, interpolation=how).astype(np.float32)
    colors: FloatImage = np.pad(resized, borders, "edge")
    alpha = soften_edge(alpha.astype(np.float32), float(np.clip(0.006 * placement.height, 0.4, 1.2)))
    return (colors[:, ::-1], alpha[:, ::-1]) if mirrored else (colors, alpha)
