"""`synthetic`: a drive through a procedural street with unknown objects on the road; needs no download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fishy_ros.datasets.info import DatasetInfo
from fishy_ros.errors import ConfigError, DatasetError
from fishy_ros.synthetic.canvas import UNKNOWN, VOID, Canvas
from fishy_ros.synthetic.render import StreetRenderer
from fishy_ros.synthetic.truth import Truth
from fishy_ros.types import ANOMALY, IGNORED, LabelMap, Sample

NAME = "synthetic"

FRAME_RATE = 10.0
"""Frames a second of the drive."""


class SyntheticStreet:
    """Frames of a street that depend on nothing but the size, the seed and the frame's number.

    The labels are exact: 1 where an unknown object covers at least half of a pixel, 255 on the bonnet of
    the own car, 0 elsewhere.
    """

    def __init__(self, frames: int = 60, height: int = 512, width: int = 1024, seed: int = 0) -> None:
        """Build the street; sizes are in px.

        Raises:
            ConfigError: a number is out of range.
        """
        _check_range("frames", frames, 1, 1_000_000)
        _check_range("height", height, 32, 4096)
        _check_range("width", width, 64, 8192)
        _check_range("seed", seed, 0, 2**63 - 1)
        self._frames = frames
        self._street = StreetRenderer(width, height, seed)

    @property
    def name(self) -> str:
        """The name under which the registry knows the dataset."""
        return NAME

    @property
    def intrinsics(self) -> NDArray[np.float64]:
        """The camera matrix K, float64 `[3, 3]`, in px."""
        return self._street.camera.intrinsics

    @property
    def camera_height(self) -> float:
        """How high the camera stands above the ground, in m; it looks straight ahead."""
        return self._street.camera.y

    @property
    def speed(self) -> float:
        """How fast the car drives, in m/s."""
        return self._street.speed

    def __len__(self) -> int:
        return self._frames

    def __getitem__(self, index: int) -> Sample:
        """Render a frame; frames are a tenth of a second apart."""
        canvas = self._render(index)
        labels: LabelMap = np.zeros_like(canvas.ids)
        labels[canvas.ids == UNKNOWN] = ANOMALY
        labels[canvas.ids == VOID] = IGNORED
        return Sample(f"{range(self._frames)[index]:06d}", canvas.image, labels)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def segmentation(self, index: int) -> LabelMap:
        """Return the Cityscapes train ids of a frame, uint8 `[H, W]`; 255 on unknown objects and on the bonnet."""
        ids = self._render(index).ids
        return np.where(ids == UNKNOWN, np.uint8(VOID), ids)

    def truth(self, index: int) -> Truth:
        """Return the unknown objects of a frame, which pixels show them, and the depth of ground and objects."""
        frame = range(self._frames)[index]
        return self._street.truth(self._render(index), frame / FRAME_RATE)

    def _render(self, index: int) -> Canvas:
        frame = range(self._frames)[index]
        return self._street.render(frame, frame / FRAME_RATE)


def open_synthetic(
    root: Path | None = None, frames: int = 60, height: int = 512, width: int = 1024, seed: int = 0
) -> SyntheticStreet:
    """Open a synthetic street; it has no root.

    Raises:
        DatasetError: a root was given.
        ConfigError: a number is out of range.
    """
    if root is not None:
        raise DatasetError(f"dataset {NAME} is rendered and takes no --root, but {root} was given")
    return SyntheticStreet(frames, height, width, seed)


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}, expected {low} to {high}")


SYNTHETIC = DatasetInfo(
    name=NAME,
    title="A procedural street with exact labels",
    source="rendered here",
    license="Apache-2.0",
    open=open_synthetic,
    needs_root=False,
)
