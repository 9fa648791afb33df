"""Give a model package the statistics of ordinary input that the drift monitor compares with."""

from __future__ import annotations

from collections.abc import Iterable

from fishy_ros.detector import AnomalyDetector
from fishy_ros.drift.reference import measure_reference
from fishy_ros.model_package import ModelPackage, add_reference
from fishy_ros.types import ImageArray


def write_reference(package: ModelPackage, pictures: Iterable[ImageArray], runtime: str = "auto") -> ModelPackage:
    """Run a package on ordinary images, uint8 `[H, W, 3]` BGR of any size, and write what they look like into it.

    Raises:
        ConfigError: there are too few images.
        RuntimeUnavailableError: the runtime cannot be used.
        ModelPackageError: the package cannot be written.
    """
    with AnomalyDetector(package, runtime) as detector:
        return add_reference(package, measure_reference(detector, pictures))
