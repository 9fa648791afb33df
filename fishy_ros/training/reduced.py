"""Give a model package graphs with a smaller input, for when the machine is too slow for the full one."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from fishy_ros.errors import ConfigError
from fishy_ros.model_package import ModelPackage, add_reduced_graph
from fishy_ros.training.calibrate import measure_calibration
from fishy_ros.training.deployment import load_deployment
from fishy_ros.training.graph import export_graph
from fishy_ros.training.statistics import to_tensor
from fishy_ros.types import ImageArray

MULTIPLE: int = 32
"""Sides of a network's input are multiples of this, in px."""
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


def add_reduced_size(
    package: ModelPackage,
    checkpoint: Path,
    calibration: Path,
    size: tuple[int, int],
    pictures: Iterable[ImageArray],
    scores: Mapping[str, Path],
) -> ModelPackage:
    """Export the network and heads of a package for a smaller `size` (rows, columns), and return it as read back.

    The scale of the heatmap is measured anew on normal pictures, uint8 `[H, W, 3]` BGR, at that size: so the shares
    of normal pixels above 0.5 and 0.75 are those of the full size, and a threshold keeps its meaning. `scores` are
    those of `build_package`. A package with a fovea loses it here: the smaller graph looks at the whole image alone.

    Raises:
        TrainingError: checkpoint, statistics or calibration cannot be used, or there are no pictures.
        ModelPackageError: the package cannot be written.
    """
    deployment = load_deployment(checkpoint, calibration, scores)
    images = [to_tensor(picture, *size) for picture in pictures]
    scales = {
        name: measure_calibration(deployment.calibrations[name].head, deployment.model, head, images).scale
        for name, head in deployment.heads.items()
    }
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "model.onnx"
        export_graph(deployment.deployed(scales, fovea=False), *size, graph)
        return add_reduced_graph(package, graph, *size)


def parse_size(text: str, height: int, width: int) -> tuple[int, int]:
    """Read rows and columns from a text such as `256x512`, for a package whose full size is `height` x `width`.

    Raises:
        ConfigError: it is not a size, not a multiple of 32, or not smaller than the full size.
    """
    match = _SIZE.fullmatch(text)
    rows, columns = (int(match[1]), int(match[2])) if match else (0, 0)
    if rows % MULTIPLE or columns % MULTIPLE or not 0 < rows * columns < height * width:
        raise ConfigError(
            f"reduced size {text!r}: expected ROWSxCOLUMNS, multiples of {MULTIPLE}, smaller than {height}x{width}"
        )
    return rows, columns
