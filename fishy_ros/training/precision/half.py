"""FP16: casts around the convolutions that make features; engines with typed graphs need nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fishy_ros.errors import ModelPackageError
from fishy_ros.training.precision.selection import NEUTRAL, inner_convolutions
from fishy_ros.training.precision.wiring import Wiring, forget_unused

_FIRST_INPUT_ONLY = frozenset({"Resize", "Expand", "AveragePool", "MaxPool"})
"""Operators whose further inputs say how, in a type of their own."""


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with its inner convolutions, and the neutral operators that read them, in float16.

    Inputs and outputs keep their types. Nodes that already have Q/DQ stay as they are.

    Raises:
        ModelPackageError: no convolution can be converted, or a weight is beyond float16.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    _Conversion(result).run()
    onnx.checker.check_model(result, full_check=True)
    return result


class _Conversion:
    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self.wiring = Wiring(model.graph)
        self.half = {node.output[0] for node in inner_convolutions(model)}
        for node in self.graph.node:
            if node.op_type in NEUTRAL and self.half.intersection(node.input):
                self.half.add(node.output[0])
        self.made: set[str] = set()

    def run(self) -> None:
        """Rewrite the nodes in their order; every tensor is cast at most once in each direction."""
        nodes = list(self.graph.node)
        del self.graph.node[:]
        del self.graph.value_info[:]
        for node in nodes:
            self.graph.node.extend(self._casts(node))
            self.graph.node.append(node)
        forget_unused(self.graph)

    def _casts(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        wants_half = node.output[0] in self.half
        for index, name in enumerate(node.input):
            if wants_half and name not in self.half:
                if name and not (index and node.op_type in _FIRST_INPUT_ONLY):
                    yield from self._lowered(node, index)
            elif not wants_half and name in self.half:
                node.input[index] = f"{name}/float"
                yield from self._cast(name, node.input[index], TensorProto.FLOAT)

    def _lowered(self, node: onnx.NodeProto, index: int) -> Iterator[onnx.NodeProto]:
        name = node.input[index]
        node.input[index] = f"{name}/half"
        value = self.wiring.constant(name)
        if value is None:
            yield from self._cast(name, node.input[index], TensorProto.FLOAT16)
        elif node.input[index] not in self.made:
            self.made.add(node.input[index])
            if not np.abs(value).max() <= np.finfo(np.float16).max:
                raise ModelPackageError(f"node {node.name!r}: {name} holds values beyond float16")
            self.graph.initializer.append(numpy_helper.from_array(value.astype(np.float16), node.input[index]))

    def _cast(self, source: str, target: str, kind: int) -> Iterator[onnx.NodeProto]:
        if target not in self.made:
            self.made.add(target)
            yield helper.make_node("Cast", [source], [target], name=target, to=kind)
