"""INT8 by explicit Q/DQ nodes, which engines fuse into integer kernels.

Weights are symmetric with one scale for each output channel, biases stay float32.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from fishy_ros.training.precision.activations import measure_activations
from fishy_ros.training.precision.histogram import LEVELS, Histogram
from fishy_ros.training.precision.picture import repeat_along_rows
from fishy_ros.training.precision.selection import NEUTRAL, feature_convolutions
from fishy_ros.training.precision.wiring import Wiring, forget_unused
from fishy_ros.types import ImageArray

_SMALLEST = 1e-8
"""Least scale: a tensor that is zero everywhere must not divide by zero."""


class Levels(enum.Enum):
    """How activations are spread over 8 bits."""

    UNSIGNED = "unsigned"
    """uint8 with a zero point: all levels are used, and a ReLU vanishes into the rounding. ONNX Runtime needs that to
    compute in integers at all."""
    SIGNED = "signed"
    """int8 with zero point 0, the only form that TensorRT reads."""


WEIGHT_LIMITS: dict[Levels, int] = {Levels.UNSIGNED: 64, Levels.SIGNED: 127}
"""Largest whole number of a weight that is multiplied with such activations.

Processors without VNNI add two products of an uint8 and an int8 in 16 bits, which saturate (`vpmaddubsw`):
2 x 255 x 64 = 32,640 still fits. A GPU adds in 32 bits.
"""


class Quantiser:
    """Measure a float32 graph on normal images once, then write it with either kind of levels.

    Args:
        model: graph with static shapes.
        images: normal images uint8 `[H, W, 3]` BGR of the graph's input size.

    Raises:
        ModelPackageError: the graph has no convolution to quantise.
        TrainingError: no image was given, or an activation is not finite.
    """

    def __init__(self, model: onnx.ModelProto, images: Iterable[ImageArray]) -> None:
        self._model = model
        self._convolutions = {node.output[0] for node in feature_convolutions(model)}
        self._activations = measure_activations(model, _rounded_tensors(model, self._convolutions), images)

    def graph(self, levels: Levels) -> onnx.ModelProto:
        """Return the graph with Q/DQ nodes."""
        result = onnx.ModelProto()
        result.CopyFrom(self._model)
        if levels is Levels.UNSIGNED:
            repeat_along_rows(result)
        graph = result.graph
        wiring = Wiring(graph)
        nodes = list(graph.node)
        del graph.node[:], graph.value_info[:]
        for node in nodes:
            if node.output[0] in self._convolutions:
                graph.node.append(_quantise_weight(graph, node, wiring, WEIGHT_LIMITS[levels]))
            for index, name in enumerate(node.input):
                if name in self._activations:
                    node.input[index] = f"{name}/rounded"
            graph.node.append(node)
            for name in node.output:
                if name in self._activations:
                    graph.node.extend(_round(graph, name, self._activations[name], levels))
        forget_unused(graph)
        onnx.checker.check_model(result, full_check=True)
        return result


def _rounded_tensors(model: onnx.ModelProto, convolutions: set[str]) -> list[str]:
    """List the tensors between integer nodes: what they read and what they make.

    Between a node and the ReLU behind it there is none, so that engines compute both at once.
    """
    wiring = Wiring(model.graph)
    integer = set(convolutions)
    rounded: dict[str, None] = {}
    for node in model.graph.node:
        inputs = wiring.dynamic_inputs(node)
        if node.op_type in NEUTRAL and integer.issuperset(inputs) and inputs:
            integer.add(node.output[0])
        if node.output[0] in integer and node.op_type != "Relu":
            rounded.update(dict.fromkeys(inputs))
    for name in integer:
        if [reader.op_type for reader in wiring.consumers[name]] != ["Relu"]:
            rounded[name] = None
    return list(rounded)


def _round(graph: onnx.GraphProto, name: str, values: Histogram, levels: Levels) -> Iterator[onnx.NodeProto]:
    """Add scale and zero point of a tensor to the graph and return its Q and DQ nodes."""
    low, high = values.best_range(symmetric=levels is Levels.SIGNED)
    if levels is Levels.SIGNED:
        scale, zero = max(-low, high, _SMALLEST * 127) / 127, np.array(0, np.int8)
    else:
        scale = max((high - low) / LEVELS, _SMALLEST)
        zero = np.array(round(-low / scale), np.uint8)
    parameters = [f"{name}/scale", f"{name}/zero"]
    graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), parameters[0]))
    graph.initializer.append(numpy_helper.from_array(zero, parameters[1]))
    whole, rounded = f"{name}/whole", f"{name}/rounded"
    yield helper.make_node("QuantizeLinear", [name, *parameters], [whole], name=whole)
    yield helper.make_node("DequantizeLinear", [whole, *parameters], [rounded], name=rounded)


def _quantise_weight(graph: onnx.GraphProto, node: onnx.NodeProto, wiring: Wiring, limit: int) -> onnx.NodeProto:
    """Replace the weight of a convolution by int8 of at most `limit` and return the DQ node that it then reads."""
    name = node.input[1]
    weight = np.asarray(wiring.constant(name), np.float32)
    scale = np.maximum(np.abs(weight).max(axis=(1, 2, 3)) / limit, _SMALLEST).astype(np.float32)
    whole = np.round(weight / scale[:, None, None, None]).clip(-limit, limit).astype(np.int8)
    parts = {"whole": whole, "scale": scale, "zero": np.zeros(len(scale), np.int8)}
    graph.initializer.extend(numpy_helper.from_array(part, f"{name}/{label}") for label, part in parts.items())
    node.input[1] = f"{name}/rounded"
    inputs = [f"{name}/{label}" for label in parts]
    return helper.make_node("DequantizeLinear", inputs, [node.input[1]], name=node.input[1], axis=0)
