"""Who makes and who reads the tensors of an ONNX graph, and which of them depend on the image."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper


class Wiring:
    """Look up the nodes around a tensor; a snapshot, not updated when the graph changes."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.producers: dict[str, onnx.NodeProto] = {}
        self.consumers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        self.outputs = {value.name for value in graph.output}
        self._constants = {item.name: item for item in graph.initializer}
        self.dynamic = {value.name for value in graph.input} - set(self._constants)
        """Tensors whose value depends on the image."""
        for node in graph.node:
            for name in node.output:
                self.producers[name] = node
            for name in dict.fromkeys(node.input):
                self.consumers[name].append(node)
            if any(name in self.dynamic for name in node.input):
                self.dynamic.update(node.output)
            elif node.op_type == "Constant" and node.attribute[0].name == "value":
                self._constants[node.output[0]] = node.attribute[0].t

    def constant(self, name: str) -> NDArray[np.generic] | None:
        """Return the value of an initialiser or `Constant` node, None for every other tensor."""
        item = self._constants.get(name)
        return None if item is None else numpy_helper.to_array(item)

    def dynamic_inputs(self, node: onnx.NodeProto) -> list[str]:
        """Return the inputs of a node that depend on the image, in their order."""
        return [name for name in node.input if name in self.dynamic]


def forget_unused(graph: onnx.GraphProto) -> None:
    """Drop initialisers and `Constant` nodes that no node reads."""
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    nodes = [node for node in graph.node if node.op_type != "Constant" or node.output[0] in read]
    items = [item for item in graph.initializer if item.name in read]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(items)
