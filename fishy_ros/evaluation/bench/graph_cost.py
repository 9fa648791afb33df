"""What a graph costs at least: floating-point operations and bytes moved, node by node."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import onnx
from onnx import shape_inference

_FREE = frozenset({"Constant", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Shape", "ConstantOfShape"})
"""Nodes that need neither arithmetic nor traffic."""
_INTO_PRODUCER = frozenset(
    {"Relu", "Clip", "Add", "Sub", "Mul", "Div", "Sigmoid", "Softsign", "Abs", "Neg", "Cast", "BatchNormalization"}
    | {"QuantizeLinear", "DequantizeLinear"}
)
"""Nodes that work on one element at a time, which engines compute while they write what they come from."""
_KEPT_UP_TO_ROUNDING = frozenset({"Relu", "Clip"})
"""Nodes that vanish into the rounding behind them."""


@dataclass(frozen=True)
class NodeCost:
    """What one node does at least."""

    name: str
    operator: str
    flops: float
    """A multiplication and an addition are two."""
    bytes_moved: float
    """Reads of inputs and weights and the write of the output; a node that works element by element reads only its
    second operand, since engines compute it where its first operand is made."""

    def limit_s(self, flops_per_s: float, bytes_per_s: float) -> float:
        """Return the shortest time of a frame: the node is bound by arithmetic or by memory."""
        return max(self.flops / flops_per_s, self.bytes_moved / bytes_per_s)


@dataclass(frozen=True)
class GraphCost:
    """The nodes of a graph, and their sums."""

    nodes: tuple[NodeCost, ...]
    weights: int
    """Number of parameters."""

    @property
    def flops(self) -> float:
        """Operations of one frame."""
        return sum(node.flops for node in self.nodes)

    @property
    def bytes_moved(self) -> float:
        """Bytes of one frame."""
        return sum(node.bytes_moved for node in self.nodes)

    def limit_s(self, flops_per_s: float, bytes_per_s: float) -> float:
        """Return the shortest time of a frame: each node is bound by arithmetic or by memory.

        The roofline model of Williams, Waterman and Patterson, CACM 2009, applied to every node.
        """
        return sum(node.limit_s(flops_per_s, bytes_per_s) for node in self.nodes)


def graph_cost(content: bytes) -> GraphCost:
    """Count operations and bytes of an ONNX graph with static shapes."""
    model = shape_inference.infer_shapes(onnx.load_model_from_string(content), data_prop=True)
    sizes = _tensor_sizes(model)
    constants = {item.name for item in model.graph.initializer}
    constants |= {name for node in model.graph.node if node.op_type == "Constant" for name in node.output}
    weights = sum(math.prod(item.dims) for item in model.graph.initializer)
    nodes = []
    for node in model.graph.node:
        if all(name in constants for name in node.input):
            constants.update(node.output)
        elif node.op_type not in _FREE:
            nodes.append(_cost(node, sizes))
    return GraphCost(tuple(nodes), weights)


@dataclass(frozen=True)
class _Tensor:
    shape: tuple[int, ...]
    element_bytes: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * self.element_bytes


def _cost(node: onnx.NodeProto, tensors: Mapping[str, _Tensor]) -> NodeCost:
    inputs = [tensors[name] for name in node.input if name in tensors]
    output = tensors[node.output[0]]
    moved = sum(tensor.bytes for tensor in inputs) + output.bytes
    if node.op_type in _INTO_PRODUCER:
        # The first operand is still at hand, and the result takes its place in memory.
        moved = sum(tensor.bytes for tensor in inputs[1:] if tensor.elements == output.elements)
    return NodeCost(node.name, node.op_type, _flops(node, inputs, output), float(moved))


def _flops(node: onnx.NodeProto, inputs: list[_Tensor], output: _Tensor) -> float:
    if node.op_type in ("Conv", "ConvTranspose"):
        weight = inputs[1]
        positions = output if node.op_type == "Conv" else inputs[0]
        return 2.0 * positions.elements * math.prod(weight.shape[1:])
    if node.op_type in ("MatMul", "Gemm"):
        return 2.0 * output.elements * inputs[0].shape[-1]
    if node.op_type in ("AveragePool", "MaxPool"):
        kernel = next(item.ints for item in node.attribute if item.name == "kernel_shape")
        return float(output.elements * math.prod(kernel))
    if node.op_type.startswith("Reduce") or node.op_type in ("ArgMax", "Softmax", "LogSoftmax"):
        return float(inputs[0].elements)
    if node.op_type in ("Transpose", "Concat", "Slice", "Gather", "Expand", "Pad", "Split"):
        return 0.0
    return float(output.elements) * (8 if node.op_type == "Resize" else 1)


def _tensor_sizes(model: onnx.ModelProto) -> dict[str, _Tensor]:
    graph = model.graph
    tensors = {}
    for value in (*graph.input, *graph.output, *graph.value_info):
        kind = value.type.tensor_type
        shape = tuple(side.dim_value for side in kind.shape.dim)
        tensors[value.name] = _Tensor(shape, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize)
    for item in graph.initializer:
        tensors[item.name] = _Tensor(tuple(item.dims), onnx.helper.tensor_dtype_to_np_dtype(item.data_type).itemsize)
    _shrink_quantised(graph, tensors)
    return tensors


def _shrink_quantised(graph: onnx.GraphProto, tensors: dict[str, _Tensor]) -> None:
    """Count what lies between integer nodes with the size in which engines keep it.

    A dequantised tensor is read in its integer form, and one that is only quantised, also behind a ReLU, is written so.
    """
    readers = Counter(name for node in graph.node for name in node.input)
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors and node.output[0] in tensors:
            _resize(tensors, node.output[0], tensors[node.input[0]].element_bytes)
    for node in reversed(graph.node):
        source, result = node.input[:1], node.output[0]
        is_kept = node.op_type == "QuantizeLinear" or (node.op_type in _KEPT_UP_TO_ROUNDING and readers[result] == 1)
        if is_kept and source and readers[source[0]] == 1 and source[0] in tensors and result in tensors:
            _resize(tensors, source[0], tensors[result].element_bytes)


def _resize(tensors: dict[str, _Tensor], name: str, element_bytes: int) -> None:
    tensors[name] = _Tensor(tensors[name].shape, element_bytes)
