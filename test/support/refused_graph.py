"""A graph that one runtime takes and another one refuses."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from support.tiny_model import tiny_graph


def log_sum_exp_by_attribute(height: int, width: int) -> onnx.ModelProto:
    """Build a valid graph that ONNX Runtime runs and OpenVINO 2026.4 cannot compile.

    OpenVINO reduces over all axes where ReduceLogSumExp gives them as an attribute, as it does up to opset 17, and then
    finds shapes that do not fit.
    """
    model = tiny_graph(height, width)
    nodes = model.graph.node
    head = helper.make_node("ReduceLogSumExp", ["logits"], ["energy"], axes=[1], keepdims=1)
    joined = helper.make_node("Concat", ["logits", "energy"], ["joined"], axis=1)
    at = next(index for index, node in enumerate(nodes) if node.op_type == "ArgMax")
    argmax = nodes[at]
    argmax.input[0] = "joined"
    clipped = helper.make_node("Min", ["index_of_joined", "last"], ["index"])
    argmax.output[0] = "index_of_joined"
    nodes.insert(at + 1, clipped)
    nodes.insert(at, joined)
    nodes.insert(at, head)
    model.graph.initializer.append(helper.make_tensor("last", TensorProto.INT64, [], [3]))
    return model
