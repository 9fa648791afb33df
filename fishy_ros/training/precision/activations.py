"""How activations are distributed on normal images, from which the scales of INT8 follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import onnx
import onnxruntime as ort

from fishy_ros.errors import TrainingError
from fishy_ros.training.precision.histogram import Histogram
from fishy_ros.types import ImageArray

_SAMPLE = 200_000
"""Values of a tensor that are counted of each image, about."""


def measure_activations(
    model: onnx.ModelProto, tensors: Sequence[str], images: Iterable[ImageArray]
) -> dict[str, Histogram]:
    """Run a graph on images uint8 `[H, W, 3]` BGR of its input's size and count the values of the named tensors.

    Raises:
        TrainingError: no image was given, or a value is not finite.
    """
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    histograms = {name: Histogram() for name in tensors}
    seen = 0
    for seen, image in enumerate(images, start=1):
        for name, values in zip(tensors, session.run(list(tensors), {source: image[None]}), strict=True):
            if not np.isfinite(values).all():
                raise TrainingError(f"image {seen}: {name} is not finite; the graph cannot be quantised")
            # An odd step passes through every row and column, whatever power of two their number is.
            histograms[name].add(values.reshape(-1)[:: (values.size // _SAMPLE) | 1])
    if not seen:
        raise TrainingError("no image was given to measure activations on")
    return histograms
