"""Give a model package graphs of lower precision, made from its own float32 graph."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx

from fishy_ros.errors import ConfigError
from fishy_ros.imaging import resize_into
from fishy_ros.model_package import ModelPackage, add_variants
from fishy_ros.training.config import load_train_config
from fishy_ros.training.precision.half import to_half
from fishy_ros.training.precision.quantise import Levels, Quantiser
from fishy_ros.training.sources import normal_pictures
from fishy_ros.training.tensorrt_rules import check_for_tensorrt
from fishy_ros.types import ImageArray

FOR_PROCESSORS: frozenset[str] = frozenset({"int8"})
"""Graphs that TensorRT is not meant to read: their activations are uint8, with a zero point. `int8-tensorrt` is for it.
"""
PRECISIONS: tuple[str, ...] = ("fp16", "int8")
"""What a package can be given beside fp32."""

Pictures = Callable[[], Iterable[ImageArray]]
"""Gives normal images uint8 `[H, W, 3]` BGR of any size."""


def add_precisions(package: ModelPackage, precisions: Sequence[str], pictures: Pictures | None) -> ModelPackage:
    """Write a graph for every precision into the package and return it as read back.

    INT8 makes two graphs: `int8`, and `int8-tensorrt` with symmetric levels and what is not INT8 in FP16. Only INT8
    reads `pictures`.

    Raises:
        ConfigError: a precision is not in `PRECISIONS`, or INT8 is wanted without pictures.
        ModelPackageError: the package cannot be read, holds no network, or TensorRT would refuse a graph.
        TrainingError: there is no picture.
    """
    check_precisions(precisions, pictures)
    if not precisions:
        return package
    model = onnx.load_model_from_string(package.graph().read())
    graphs: dict[str, onnx.ModelProto] = {}
    if "fp16" in precisions:
        graphs["fp16"] = to_half(model)
    if "int8" in precisions and pictures is not None:
        quantiser = Quantiser(model, _resized(pictures(), package))
        graphs["int8"] = quantiser.graph(Levels.UNSIGNED)
        graphs["int8-tensorrt"] = to_half(quantiser.graph(Levels.SIGNED))
    for name, graph in graphs.items():
        if name not in FOR_PROCESSORS:
            check_for_tensorrt(graph, package.folder / f"model.{name}.onnx")
    with tempfile.TemporaryDirectory() as scratch:
        paths = {}
        for name, graph in graphs.items():
            paths[name] = Path(scratch) / f"{name}.onnx"
            onnx.save(graph, str(paths[name]))
        return add_variants(package, paths)


def check_precisions(precisions: Sequence[str], pictures: Pictures | None) -> None:
    """Check what `add_precisions` checks, without work.

    Raises:
        ConfigError: as `add_precisions`.
    """
    for precision in precisions:
        if precision not in PRECISIONS:
            raise ConfigError(f"precision {precision!r}: expected {' or '.join(PRECISIONS)}")
    if "int8" in precisions and pictures is None:
        raise ConfigError("precision 'int8': needs normal images; name a training configuration with --config")


def training_pictures(config: Path | None, data: str | None, count: int) -> Pictures | None:
    """Return what gives the normal images of a training configuration, None without a configuration.

    `data` takes the place of the configured data root.

    Raises:
        ConfigError: the configuration cannot be read.
    """
    if config is None:
        return None
    settings = load_train_config(config, data)
    return lambda: normal_pictures(settings.open_sources(), count)


def _resized(pictures: Iterable[ImageArray], package: ModelPackage) -> Iterator[ImageArray]:
    for picture in pictures:
        image = np.empty(package.input_shape[1:], np.uint8)
        resize_into(picture, image)
        yield image
