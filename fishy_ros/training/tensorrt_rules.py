"""What TensorRT asks of a graph, checked when the graph is written: from the file alone, and by the real parser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from fishy_ros.errors import ModelPackageError
from fishy_ros.runtimes.tensorrt_library import installed_libraries, open_library
from fishy_ros.training.precision.wiring import Wiring

COMPUTED_TYPES: frozenset[int] = frozenset(
    {
        *(TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16),
        *(TensorProto.INT8, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL),
    }
)
"""Types that TensorRT computes with."""
BOUNDARY_TYPES: frozenset[int] = frozenset({TensorProto.UINT8})
"""Types that TensorRT allows at a graph's inputs and outputs only, next to a cast."""
_ROUNDING = ("QuantizeLinear", "DequantizeLinear")
_SHOWN = 3
"""Breaches that an error lists."""


def check_for_tensorrt(model: onnx.ModelProto, path: Path) -> None:
    """Check that TensorRT takes a graph: by its rules always, by its parser where one is installed.

    Args:
        model: a checked ONNX model.
        path: what errors call it.

    Raises:
        ModelPackageError: it does not; the nodes and the reason are named.
    """
    breaches = list(breached_rules(model))
    if breaches:
        more = f" (and {len(breaches) - _SHOWN} more)" if len(breaches) > _SHOWN else ""
        raise ModelPackageError(f"{path}: TensorRT would refuse the graph: {'; '.join(breaches[:_SHOWN])}{more}")
    for name in installed_libraries():
        open_library(name).parse(model.SerializeToString(), path)


def breached_rules(model: onnx.ModelProto) -> Iterator[str]:
    """Yield a sentence for every rule of TensorRT that a graph breaks; nothing where it keeps them all.

    The rules: fixed shapes; no operators outside the ONNX standard; uint8 only at inputs and outputs and only next to a
    cast; otherwise the types of `COMPUTED_TYPES`; zero points int8 and 0.
    """
    graph = onnx.shape_inference.infer_shapes(_folded(model), data_prop=True).graph
    wiring = Wiring(graph)
    values = [*graph.input, *graph.value_info, *graph.output]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types.update({item.name: item.data_type for item in graph.initializer})
    yield from _open_shapes(values)
    for node in graph.node:
        if node.domain not in ("", "ai.onnx"):
            yield f"node {node.name!r} ({node.domain}::{node.op_type}) is outside the ONNX standard"
        if node.op_type in _ROUNDING:
            yield from _wrong_zero_point(node, types, wiring)
        else:
            yield from _wrong_types(node, types, wiring)


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose constant nodes, such as an `Expand`'s sizes, are computed, and so are the shapes they set."""
    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    graph = folded.graph
    wiring = Wiring(graph)
    known = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    del graph.node[:], graph.value_info[:]
    for node in model.graph.node:
        if node.domain in ("", "ai.onnx") and not wiring.dynamic.intersection(node.output):
            feeds = {name: known[name] for name in node.input if name}
            for name, value in zip(node.output, ReferenceEvaluator(node).run(None, feeds), strict=True):
                known[name] = np.asarray(value)
                graph.initializer.append(numpy_helper.from_array(known[name], name))
        else:
            graph.node.append(node)
    return folded


def _open_shapes(values: list[onnx.ValueInfoProto]) -> Iterator[str]:
    for value in values:
        sides = value.type.tensor_type.shape.dim
        if not all(side.HasField("dim_value") for side in sides):
            shape = [side.dim_value if side.HasField("dim_value") else side.dim_param or "?" for side in sides]
            yield f"`{value.name}` has the shape {shape}, expected fixed sizes"


def _wrong_types(node: onnx.NodeProto, types: dict[str, int], wiring: Wiring) -> Iterator[str]:
    is_cast = node.op_type == "Cast"
    tensors = [(name, "reads", name not in wiring.producers) for name in node.input]
    tensors += [(name, "makes", name in wiring.outputs) for name in node.output]
    for name, verb, at_boundary in tensors:
        kind = types.get(name, TensorProto.FLOAT)
        if kind in BOUNDARY_TYPES and not (is_cast and at_boundary):
            yield (
                f"node {node.name!r} ({node.op_type}) {verb} `{name}`, {_name(kind)}; expected only casts to do so, at "
                "the graph's inputs and outputs"
            )
        elif kind not in COMPUTED_TYPES | BOUNDARY_TYPES:
            yield f"node {node.name!r} ({node.op_type}) {verb} `{name}`, {_name(kind)}; TensorRT lacks that type"


def _wrong_zero_point(node: onnx.NodeProto, types: dict[str, int], wiring: Wiring) -> Iterator[str]:
    if len(node.input) < 3:  # 0, of the type of the whole numbers
        whole = node.input[0] if node.op_type == "DequantizeLinear" else node.output[0]
        if types.get(whole) != TensorProto.INT8:
            yield f"node {node.name!r} ({node.op_type}) has no zero point and `{whole}` is not int8; expected int8"
        return
    zero = wiring.constant(node.input[2])
    if zero is None or zero.dtype != np.int8 or zero.any():
        found = "no constant" if zero is None else f"{zero.dtype} up to {zero.max()}"
        yield f"node {node.name!r} ({node.op_type}) has a zero point that is {found}; expected int8 and 0"


def _name(kind: int) -> str:
    return str(TensorProto.DataType.Name(kind)).lower()
