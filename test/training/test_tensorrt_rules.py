"""What TensorRT would refuse is said when a graph is written, from the file alone; the real parser agrees."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.tiny_model import tiny_graph

pytest.importorskip("torch", reason="torch is not installed: the training wing is not tested")

from fishy_ros.errors import ModelPackageError
from fishy_ros.runtimes.tensorrt_library import installed_libraries, open_library
from fishy_ros.training.tensorrt_rules import breached_rules, check_for_tensorrt

PATH = Path("graph.onnx")


def _transpose_first(model: onnx.ModelProto) -> None:
    cast, transpose = model.graph.node[0], model.graph.node[1]
    cast.input[0], cast.output[0] = "bytes", "planes"
    transpose.input[0], transpose.output[0] = "image", "bytes"
    nodes = [transpose, cast, *model.graph.node[2:]]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _round(model: onnx.ModelProto, zero: np.ndarray) -> None:
    """Let the grey values be rounded to 8 bits."""
    model.opset_import[0].version = 18
    model.graph.initializer.append(numpy_helper.from_array(np.array(1 / 127, np.float32), "scale"))
    model.graph.initializer.append(numpy_helper.from_array(zero, "zero"))
    index = next(i for i, node in enumerate(model.graph.node) if node.output[0] == "grey")
    model.graph.node[index].output[0] = "exact"
    model.graph.node.insert(index + 1, helper.make_node("QuantizeLinear", ["exact", "scale", "zero"], ["whole"]))
    model.graph.node.insert(index + 2, helper.make_node("DequantizeLinear", ["whole", "scale", "zero"], ["grey"]))


def _open_width(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[2].dim_param = "width"


def _double(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute[0].i = TensorProto.DOUBLE
    model.graph.node.insert(1, helper.make_node("Cast", ["wide"], ["float_image"], to=TensorProto.FLOAT))
    model.graph.node[0].output[0] = "wide"


def _own_operator(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Softsign")
    node.op_type, node.domain = "Fishify", "fishy"
    model.opset_import.append(helper.make_opsetid("fishy", 1))


def _labels_are_read(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["labels"], ["copy"]))
    model.graph.output.append(helper.make_tensor_value_info("copy", TensorProto.UINT8, [1, 64, 128]))


def _broken(change: Callable[[onnx.ModelProto], None]) -> onnx.ModelProto:
    model = tiny_graph(64, 128)
    change(model)
    return model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_transpose_first, r"\(Transpose\) reads `image`, uint8; expected only casts"),
        (_labels_are_read, r"\(Identity\) reads `labels`, uint8; expected only casts"),
        (lambda model: _round(model, np.array(0, np.uint8)), r"zero point that is uint8 up to 0; expected int8 and 0"),
        (lambda model: _round(model, np.array(3, np.int8)), r"zero point that is int8 up to 3; expected int8 and 0"),
        (_open_width, r"`image` has the shape \[1, 64, 'width', 3\], expected fixed sizes"),
        (_double, r"\(Cast\) makes `wide`, double; TensorRT lacks that type"),
        (_own_operator, r"fishy::Fishify\) is outside the ONNX standard"),
    ],
)
def test_a_breach_is_named_with_its_node_and_what_was_expected(change, message):
    with pytest.raises(ModelPackageError, match=rf"^graph\.onnx: TensorRT would refuse the graph: .*{message}"):
        check_for_tensorrt(_broken(change), PATH)


def test_a_graph_that_keeps_the_rules_breaks_none():
    model = tiny_graph(64, 128)
    assert list(breached_rules(model)) == []
    _round(model, np.array(0, np.int8))
    assert list(breached_rules(model)) == []


def test_sizes_that_constants_compute_are_fixed_sizes():
    """Exporters write the sizes of an `Expand` as arithmetic on constants."""
    model = tiny_graph(64, 128)
    constants = {"ones": np.ones(4, np.int64), "wanted": np.array([1, 1, 64, 128]), "any": np.full(4, -1)}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    index = next(i for i, node in enumerate(model.graph.node) if node.output[0] == "grey")
    model.graph.node[index].output[0] = "narrow"
    model.graph.node.insert(index + 1, helper.make_node("Equal", ["wanted", "any"], ["open"]))
    model.graph.node.insert(index + 2, helper.make_node("Where", ["open", "ones", "wanted"], ["sizes"]))
    model.graph.node.insert(index + 3, helper.make_node("Expand", ["narrow", "sizes"], ["grey"]))
    assert list(breached_rules(model)) == []


@pytest.mark.skipif(not installed_libraries(), reason="neither tensorrt nor tensorrt_rtx is installed")
@pytest.mark.parametrize("name", installed_libraries())
@pytest.mark.parametrize(
    "change",
    [_transpose_first, _own_operator, lambda model: _round(model, np.array(3, np.uint8))],
    ids=["transpose_of_uint8", "own_operator", "uint8_zero_point"],
)
def test_the_real_parser_refuses_what_the_rules_refuse(name, change):
    model = _broken(change)
    assert list(breached_rules(model))
    with pytest.raises(ModelPackageError, match=r"^graph\.onnx: TensorRT.* cannot parse the graph: .*node"):
        open_library(name).parse(model.SerializeToString(), PATH)


@pytest.mark.skipif(not installed_libraries(), reason="neither tensorrt nor tensorrt_rtx is installed")
def test_a_graph_that_only_the_parser_refuses_is_an_error_too():
    model = tiny_graph(64, 128)
    node = next(node for node in model.graph.node if node.op_type == "Softsign")
    node.op_type = "Det"
    assert list(breached_rules(model)) == []
    with pytest.raises(ModelPackageError, match=r"cannot parse the graph: .*Det"):
        check_for_tensorrt(model, PATH)
