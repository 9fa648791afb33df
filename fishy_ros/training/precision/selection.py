"""Which nodes may be computed in low precision without touching what orders the scores.

Anomalies are told from normal pixels by small differences of logits and statistics, so softmax, logarithms, squared
distances, the enlargement of the score and its calibration stay in float32, and so does the last convolution before any
of them. What is left, convolutions that make features and the layers between them, is nearly all of the arithmetic.
"""

from __future__ import annotations

import enum

import onnx

from fishy_ros.errors import ModelPackageError
from fishy_ros.training.precision.wiring import Wiring

NEUTRAL: frozenset[str] = frozenset({"Relu", "Add", "Concat", "AveragePool", "MaxPool", "Resize", "Expand"})
"""Operators between convolutions whose result stays within the range of their inputs, or about there."""

SPATIAL: frozenset[int] = frozenset({2, 3, -2, -1})
"""Axes of an `[N, C, H, W]` tensor over which a mean is a pooling."""


class Kind(enum.IntEnum):
    """What a tensor holds; whatever is made from several kinds is of the last of them."""

    PICTURE = 0
    FEATURE = 1
    STATISTIC = 2


def inner_convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the convolutions whose result is read by neutral operators and convolutions only.

    Raises:
        ModelPackageError: there is none, so that a lower precision would change nothing.
    """
    wiring = Wiring(model.graph)
    return _some([node for node in model.graph.node if node.op_type == "Conv" and _is_inner(node, wiring)])


def feature_convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the inner convolutions that read no statistics; eight bits for those would blur the score itself.

    Raises:
        ModelPackageError: there is none.
    """
    kinds = tensor_kinds(model)
    return _some([node for node in inner_convolutions(model) if kinds[node.output[0]] is Kind.FEATURE])


def tensor_kinds(model: onnx.ModelProto) -> dict[str, Kind]:
    """Tell for every tensor that depends on the image whether it is picture, feature or statistic."""
    wiring = Wiring(model.graph)
    kinds = {value.name: Kind.PICTURE for value in model.graph.input if value.name in wiring.dynamic}
    for node in model.graph.node:
        inputs = [kinds[name] for name in wiring.dynamic_inputs(node)]
        if inputs:
            kind = max(inputs)
            if node.op_type == "Conv":
                kind = max(kind, Kind.FEATURE)
            elif kind is Kind.FEATURE and not _keeps_features(node, wiring):
                kind = Kind.STATISTIC
            kinds.update(dict.fromkeys(node.output, kind))
    return kinds


def _is_inner(node: onnx.NodeProto, wiring: Wiring) -> bool:
    weight = wiring.constant(node.input[1])
    readers = wiring.consumers[node.output[0]]
    return (
        weight is not None
        and weight.shape[0] > 1
        and node.input[0] in wiring.dynamic
        and bool(readers)
        and not wiring.outputs.intersection(node.output)
        and all(reader.op_type in NEUTRAL or reader.op_type == "Conv" for reader in readers)
    )


def _keeps_features(node: onnx.NodeProto, wiring: Wiring) -> bool:
    if node.op_type == "ReduceMean" and len(node.input) > 1:
        axes = wiring.constant(node.input[1])
        return axes is not None and SPATIAL.issuperset(axes.tolist())
    return node.op_type in NEUTRAL or node.op_type == "GlobalAveragePool"


def _some(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    if not nodes:
        raise ModelPackageError(
            "nothing of the graph can be in a lower precision; expected float32, and a convolution with constant "
            "weights whose result only activations and other convolutions read"
        )
    return nodes
