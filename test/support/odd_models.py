"""Real models that misbehave: on bright images (a mean grey value above 127), or in one runtime only."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import NodeProto, TensorProto, helper

from fishy_ros.model_package import Calibration, ModelPackage, SemanticClass, write_model_package
from support.tiny_model import tiny_graph

_SIZE = 8
_ENDLESS = 10**12


def build_failing_package(folder: Path) -> ModelPackage:
    """Write a package whose score leaves [0, 1] on bright images."""
    nodes = [helper.make_node("Identity", ["grey"], ["score"])]
    return _write(folder, nodes)


def build_hanging_package(folder: Path) -> ModelPackage:
    """Write a package whose graph counts for days on bright images."""
    rounds = [
        helper.make_node("ReduceMax", ["grey"], ["brightest"], keepdims=0),
        helper.make_node("Greater", ["brightest", "one"], ["is_bright"]),
        helper.make_node("Cast", ["is_bright"], ["bright"], to=TensorProto.INT64),
        helper.make_node("Mul", ["bright", "endless"], ["rounds"]),
        helper.make_node("Loop", ["rounds", "", "zero"], ["count"], body=_counting()),
        helper.make_node("Mul", ["count", "zero"], ["nothing"]),
        helper.make_node("Add", ["grey", "nothing"], ["score"]),
    ]
    return _write(folder, rounds)


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


def _counting() -> onnx.GraphProto:
    scalar = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("before", TensorProto.FLOAT, []),
    ]
    results = [
        helper.make_tensor_value_info("still", TensorProto.BOOL, []),
        helper.make_tensor_value_info("after", TensorProto.FLOAT, []),
    ]
    body = [
        helper.make_node("Identity", ["go_on"], ["still"]),
        helper.make_node("Cos", ["before"], ["after"]),
    ]
    return helper.make_graph(body, "counting", scalar, results)


def _write(folder: Path, nodes: list[NodeProto]) -> ModelPackage:
    folder.mkdir(parents=True)
    shape = [1, _SIZE, _SIZE]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [*shape, 3])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, shape)
    labels = helper.make_tensor_value_info("labels", TensorProto.UINT8, shape)
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [3]),
        helper.make_tensor("scale", TensorProto.FLOAT, [], [127.0]),
        helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("endless", TensorProto.INT64, [], [_ENDLESS]),
    ]
    common = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axis"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "scale"], ["grey"]),
        helper.make_node("Cast", ["grey"], ["labels"], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph([*common, *nodes], folder.name, [image], [score, labels], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(folder / "model.onnx"))
    return write_model_package(
        folder,
        folder / "model.onnx",
        name=folder.name,
        version="0.1.0",
        description="Misbehaves on bright images, for tests.",
        input_height=_SIZE,
        input_width=_SIZE,
        classes=(SemanticClass(0, "road", (128, 64, 128)),),
        calibration=Calibration(meaning="none", default_threshold=0.5),
        licence="Apache-2.0",
    )
