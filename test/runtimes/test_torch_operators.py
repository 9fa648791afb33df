"""Every operator in torch against the reference implementation of the ONNX specification."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

torch = pytest.importorskip("torch", reason="torch is not installed")

from fishy_ros.runtimes.torch_graph import TorchGraph  # noqa: E402
from fishy_ros.runtimes.torch_operators import OPERATORS, UnsupportedError  # noqa: E402

SHAPE = (1, 4, 6, 8)
X = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def _f32(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 1.5, shape).astype(np.float32)


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


AXES = {"keepdims": 1}
CASES: list[tuple[str, list[np.ndarray | None], dict[str, object]]] = [
    *((name, [], {}) for name in ("Abs", "Exp", "Identity", "Neg", "Relu", "Sigmoid", "Softplus", "Softsign", "Tanh")),
    *((name, [_f32(4, 1, 1)], {}) for name in ("Add", "Div", "Equal", "Greater", "Less", "Max", "Min", "Mul", "Sub")),
    *((f"Reduce{kind}", [_ints(1)], AXES) for kind in ("L2", "LogSumExp", "Max", "Mean", "Min", "Sum", "SumSquare")),
    ("ReduceMean", [_ints(2, 3)], {"keepdims": 0}),
    ("ReduceMean", [], {"keepdims": 1}),
    ("ArgMax", [], {"axis": 1, "keepdims": 0}),
    ("ArgMax", [], {"axis": 2, "keepdims": 1}),
    ("AveragePool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 0}),
    ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("BatchNormalization", [_f32(4), _f32(4), _f32(4), _f32(4)], {"epsilon": 1e-3}),
    ("Cast", [], {"to": TensorProto.UINT8}),
    ("Cast", [], {"to": TensorProto.FLOAT16}),
    ("Clip", [np.float32(-0.5), np.float32(0.5)], {}),
    ("Clip", [None, np.float32(0.5)], {}),
    ("Concat", [X], {"axis": 1}),
    ("Conv", [_f32(5, 4, 3, 3), _f32(5)], {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("Conv", [_f32(4, 1, 3, 3)], {"group": 4, "dilations": [2, 2], "pads": [2, 2, 2, 2]}),
    ("ConvTranspose", [_f32(4, 3, 3, 3), _f32(3)], {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ("CumSum", [np.array(3, np.int64)], {}),
    ("Expand", [_ints(2, 4, 6, 8)], {}),
    ("Gather", [_ints(0, -1, 2)], {"axis": 1}),
    ("Gather", [np.array(0, np.int64)], {"axis": 0}),
    ("GlobalAveragePool", [], {}),
    ("LogSoftmax", [], {"axis": 1}),
    ("MaxPool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("Pad", [_ints(0, 0, 1, 2, 0, 0, 3, 0), np.array(0.5, np.float32)], {}),
    ("Pow", [np.float32(2)], {}),
    ("Reciprocal", [], {}),
    ("Reshape", [_ints(0, -1, 8)], {}),
    ("Resize", [None, np.array([1, 1, 2, 2], np.float32)], {"mode": "linear"}),
    (
        "Resize",
        [None, None, _ints(1, 4, 12, 16)],
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    (
        "Resize",
        [None, None, _ints(1, 4, 11, 15)],
        {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
    ),
    ("Slice", [_ints(1, 2), _ints(3, -1), _ints(1, 3), _ints(1, 2)], {}),
    ("Softmax", [], {"axis": 1}),
    ("Squeeze", [_ints(0)], {}),
    ("Transpose", [], {"perm": [0, 2, 3, 1]}),
    ("Unsqueeze", [_ints(0, 3)], {}),
    ("QuantizeLinear", [np.float32(0.05), np.int8(3)], {}),
    ("QuantizeLinear", [_f32(4), np.zeros(4, np.uint8)], {"axis": 1}),
]


def _model(operator: str, constants: list[np.ndarray | None], attributes: dict[str, object]) -> onnx.ModelProto:
    names = ["" if value is None else f"c{index}" for index, value in enumerate(constants)]
    tensors = [numpy_helper.from_array(np.asarray(v), n) for n, v in zip(names, constants, strict=True) if n]
    node = helper.make_node(operator, ["x", *names], ["y"], **attributes)
    return _wrap([node], tensors)


def _wrap(nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)]
    outputs = [onnx.ValueInfoProto(name="y")]
    graph = helper.make_graph(nodes, "one", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


def _compare(model: onnx.ModelProto, x: np.ndarray = X) -> None:
    (expected,) = ReferenceEvaluator(model).run(None, {"x": x})
    (found,) = TorchGraph(model)(torch.from_numpy(x.copy()))
    assert found.shape == expected.shape
    assert str(found.dtype).removeprefix("torch.") == str(expected.dtype)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("operator", "constants", "attributes"), CASES, ids=lambda value: str(value)[:40])
def test_an_operator_does_what_the_specification_says(
    operator: str, constants: list[np.ndarray | None], attributes: dict[str, object]
) -> None:
    x = np.abs(X) if attributes.get("to") == TensorProto.UINT8 else X
    _compare(_model(operator, constants, attributes), x)


@pytest.mark.parametrize("operator", ["Log", "Sqrt"])
def test_operators_on_positive_numbers(operator: str) -> None:
    _compare(_model(operator, [], {}), np.abs(X) + 0.1)


def test_quantised_values_come_back() -> None:
    scale, zero = _f32(4), np.array([0, 3, -5, 1], np.int8)
    tensors = [numpy_helper.from_array(scale, "s"), numpy_helper.from_array(zero, "z")]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], axis=1),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], axis=1),
    ]
    _compare(_wrap(nodes, tensors))


def test_where_and_a_shape_from_constants_are_folded_and_computed() -> None:
    tensors = [numpy_helper.from_array(_ints(1, 4, 1, 1), "shape"), numpy_helper.from_array(_f32(1), "zero")]
    value = helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["half"], value=value),
        helper.make_node("Greater", ["x", "half"], ["above"]),
        helper.make_node("Where", ["above", "x", "half"], ["y"]),
    ]
    _compare(_wrap(nodes, tensors))


def test_every_operator_is_compared() -> None:
    compared = {operator for operator, _, _ in CASES}
    elsewhere = {"Log", "Sqrt", "DequantizeLinear", "Where", "ConstantOfShape"}
    assert compared | elsewhere == set(OPERATORS)


@pytest.mark.parametrize(
    ("operator", "constants", "attributes", "named"),
    [
        ("AveragePool", [], {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]}, "pads"),
        ("Conv", [_f32(4, 4, 3, 3)], {"auto_pad": "SAME_UPPER"}, "auto_pad"),
        ("Resize", [None, np.array([1, 1, 2, 2], np.float32)], {"mode": "cubic"}, "cubic"),
        ("Hardmax", [], {}, "Hardmax"),
    ],
)
def test_what_is_not_supported_is_named(
    operator: str, constants: list[np.ndarray | None], attributes: dict[str, object], named: str
) -> None:
    with pytest.raises(UnsupportedError, match=named):
        TorchGraph(_model(operator, constants, attributes))(torch.from_numpy(X))
