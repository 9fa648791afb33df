"""Datasets that know their camera."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fishy_ros.datasets.base import Dataset


@runtime_checkable
class Calibrated(Protocol):
    """Something whose images come from one known, undistorted camera."""

    @property
    def intrinsics(self) -> NDArray[np.float64]:
        """The camera matrix K, float64 `[3, 3]`, in px."""
        ...


def intrinsics_of(dataset: Dataset) -> NDArray[np.float64] | None:
    """Return the camera matrix of a dataset, float64 `[3, 3]` in px, or None where it is unknown."""
    return dataset.intrinsics if isinstance(dataset, Calibrated) else None
