"""Costs of a graph against closed forms and against torch's own counter."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fishy_ros.evaluation.bench.graph_cost import graph_cost


def _model(nodes: list[onnx.NodeProto], output: list[int], constants: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Make a graph from `x`, `[1, 3, 32, 64]`, to `out`."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 64])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _conv_graph() -> onnx.ModelProto:
    weights = {
        "w": np.zeros((8, 3, 3, 3), np.float32),
        "b": np.zeros(8, np.float32),
        "d": np.zeros((8, 1, 5, 5), np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["y"], ["z"]),
        helper.make_node("Conv", ["z", "d"], ["out"], pads=[2, 2, 2, 2], group=8),
    ]
    return _model(nodes, [1, 8, 16, 32], weights)


def test_convolutions_cost_what_their_loops_do() -> None:
    cost = graph_cost(_conv_graph().SerializeToString())
    dense, relu, depthwise = cost.nodes
    assert dense.flops == 2 * 8 * 16 * 32 * 3 * 3 * 3
    assert depthwise.flops == 2 * 8 * 16 * 32 * 5 * 5
    assert relu.flops == 8 * 16 * 32
    assert dense.bytes_moved == 4 * (3 * 32 * 64 + 8 * 3 * 3 * 3 + 8 + 8 * 16 * 32)
    assert relu.bytes_moved == 0
    assert cost.weights == 8 * 27 + 8 + 8 * 25


def test_the_limit_is_that_of_the_slower_roof_node_by_node() -> None:
    cost = graph_cost(_conv_graph().SerializeToString())
    assert cost.limit_s(1e9, 1e30) == pytest.approx(cost.flops / 1e9)
    assert cost.limit_s(1e30, 1e9) == pytest.approx(cost.bytes_moved / 1e9)
    assert cost.limit_s(1e9, 1e9) >= max(cost.flops, cost.bytes_moved) / 1e9


def _quantised_graph() -> onnx.ModelProto:
    """Round, convolve, cut off at zero, round: what engines compute as one integer convolution."""
    constants = {
        "w8": np.zeros((8, 3, 3, 3), np.int8),
        "ws": np.ones(8, np.float32),
        "wz": np.zeros(8, np.int8),
        "s": np.array(0.1, np.float32),
        "z": np.array(0, np.uint8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["x8"]),
        helper.make_node("DequantizeLinear", ["x8", "s", "z"], ["xr"]),
        helper.make_node("DequantizeLinear", ["w8", "ws", "wz"], ["wr"], axis=0),
        helper.make_node("Conv", ["xr", "wr"], ["y"], pads=[1, 1, 1, 1], name="conv"),
        helper.make_node("Relu", ["y"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "s", "z"], ["r8"]),
        helper.make_node("DequantizeLinear", ["r8", "s", "z"], ["out"]),
    ]
    return _model(nodes, [1, 8, 32, 64], constants)


def test_an_integer_convolution_moves_integers() -> None:
    cost = graph_cost(_quantised_graph().SerializeToString())
    conv = next(node for node in cost.nodes if node.name == "conv")
    assert conv.flops == 2 * 8 * 32 * 64 * 27
    assert conv.bytes_moved == 3 * 32 * 64 + 8 * 27 + 8 * 32 * 64


def test_convolutions_of_a_whole_graph_agree_with_the_counter_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from torch.utils.flop_counter import FlopCounterMode

    from fishy_ros.evaluation.bench.erfnet import ErfNetDetector, export_random_erfnet

    export_random_erfnet(64, 128, tmp_path / "erfnet.onnx")
    cost = graph_cost((tmp_path / "erfnet.onnx").read_bytes())
    counted = sum(node.flops for node in cost.nodes if node.operator in ("Conv", "ConvTranspose"))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        ErfNetDetector().eval()(torch.zeros(1, 64, 128, 3, dtype=torch.uint8))
    assert counted == counter.get_total_flops()
