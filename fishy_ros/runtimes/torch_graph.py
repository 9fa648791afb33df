"""An ONNX graph as a torch module: the very graph of the package, node by node, with no second description of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from fishy_ros.runtimes.torch_operators import OPERATORS, PARAMETERS, Attributes, UnsupportedError


class _Step(NamedTuple):
    name: str
    operator: str
    inputs: tuple[str, ...]
    attributes: Attributes
    output: str


class TorchGraph(nn.Module):
    """Run the nodes of an ONNX model in their order; what depends on no input is computed once, when it is built.

    Raises:
        UnsupportedError: a node needs an operator or attribute that torch does not get from us.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        self._inputs = [value.name for value in graph.input]
        self._outputs = [value.name for value in graph.output]
        self._constants = {item.name: _tensor(item) for item in graph.initializer}
        self._inputs = [name for name in self._inputs if name not in self._constants]
        self._steps: list[_Step] = []
        self._lists: dict[str, list[Any]] = {}
        for node in graph.node:
            self._add(_step(node))
        self._forget_unused()

    def forward(self, *images: Tensor) -> list[Tensor]:
        """Map the graph's inputs to its outputs, in their order."""
        values: dict[str, Any] = dict(zip(self._inputs, images, strict=True))
        for step in self._steps:
            values[step.output] = self._run(step, values)
        return [values[name] if name in values else self._constants[name] for name in self._outputs]

    def _apply(self, function: Any, recurse: bool = True) -> TorchGraph:
        """Move the constants along when the module is moved to a device."""
        super()._apply(function, recurse)  # type: ignore[no-untyped-call]
        self._constants = {name: function(tensor) for name, tensor in self._constants.items()}
        return self

    def _add(self, step: _Step) -> None:
        if step.operator == "Constant":
            self._constants[step.output] = step.attributes["value"]
            return
        if step.operator not in OPERATORS:
            raise UnsupportedError(f"node {step.name!r}: operator {step.operator} is not implemented for torch")
        for position in PARAMETERS.get(step.operator, ()):
            name = step.inputs[position] if position < len(step.inputs) else ""
            if name and name not in self._constants:
                raise UnsupportedError(f"node {step.name!r}: input {name!r} of {step.operator} is not constant")
            if name:
                self._lists[name] = self._constants[name].reshape(-1).tolist()
        if all(not name or name in self._constants for name in step.inputs):
            self._constants[step.output] = self._run(step, {})
        else:
            self._steps.append(step)

    def _run(self, step: _Step, values: dict[str, Any]) -> Tensor:
        parameters = PARAMETERS.get(step.operator, ())
        inputs = [
            None
            if not name
            else self._lists[name]
            if position in parameters
            else values[name]
            if name in values
            else self._constants[name]
            for position, name in enumerate(step.inputs)
        ]
        try:
            return OPERATORS[step.operator](inputs, step.attributes)
        except UnsupportedError as error:
            raise UnsupportedError(f"node {step.name!r}: {step.operator} with {error}") from error

    def _forget_unused(self) -> None:
        used = {name for step in self._steps for name in step.inputs} | set(self._outputs)
        self._constants = {name: value for name, value in self._constants.items() if name in used}


def _step(node: onnx.NodeProto) -> _Step:
    if len(node.output) != 1 or node.domain not in ("", "ai.onnx"):
        raise UnsupportedError(
            f"node {node.name!r}: operator {node.domain}.{node.op_type} is not implemented for torch"
        )
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    attributes = {
        name: _tensor(value) if isinstance(value, onnx.TensorProto) else value for name, value in attributes.items()
    }
    return _Step(node.name or node.output[0], node.op_type, tuple(node.input), attributes, node.output[0])


def _tensor(item: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(numpy_helper.to_array(item).copy())
