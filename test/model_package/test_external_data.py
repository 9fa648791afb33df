"""Weights in other files are found wherever a graph can name them, and refused before an engine sees them."""

import hashlib
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from support.tiny_model import build_tiny_package, tiny_graph

from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package import load_model_package
from fishy_ros.model_package.external_data import has_external_data

PATH = Path("model.onnx")


def external_tensor() -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "../secret.bin"), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def in_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(external_tensor())


def in_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=external_tensor()))


def in_branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [], [external_tensor()])
    inner = helper.make_node("If", ["c"], ["d"], then_branch=branch, else_branch=branch)
    outer = helper.make_graph([inner], "outer", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["e"], then_branch=outer, else_branch=outer))


def in_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=external_tensor())
    model.functions.append(helper.make_function("own", "F", [], ["c"], [node], []))


def in_sparse_initializer(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(external_tensor())


def in_tensor_list(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="X").attribute.add(name="a").tensors.append(external_tensor())


@pytest.mark.parametrize(
    "hide", [in_initializer, in_constant, in_branch, in_function, in_sparse_initializer, in_tensor_list]
)
def test_external_data_is_found(hide) -> None:
    model = tiny_graph(8, 8)
    assert not has_external_data(model.SerializeToString(), PATH)
    hide(model)
    assert has_external_data(model.SerializeToString(), PATH)


def test_a_package_whose_graph_reads_other_files_is_refused_although_its_hash_is_right(tmp_path) -> None:
    folder = build_tiny_package(tmp_path / "tiny").folder
    graph, description = folder / "model.onnx", folder / "model.yaml"
    before = hashlib.sha256(graph.read_bytes()).hexdigest()
    model = onnx.load_model_from_string(graph.read_bytes())
    in_initializer(model)
    graph.write_bytes(model.SerializeToString())
    description.write_text(description.read_text().replace(before, hashlib.sha256(graph.read_bytes()).hexdigest()))
    with pytest.raises(ModelPackageError, match=r"model\.onnx: the graph keeps weights in other files"):
        load_model_package(folder)


def test_a_tag_that_other_parsers_cut_to_that_of_external_data_is_refused() -> None:
    def field(tag: bytes, content: bytes) -> bytes:
        return tag + bytes([len(content)]) + content

    long_tag = bytes([13 << 3 | 2 | 0x80, 0x80, 0x80, 0x80, 0x10])
    graph = field(b"\x2a", field(long_tag, b""))
    assert has_external_data(field(b"\x3a", field(b"\x2a", field(b"\x6a", b""))), PATH)
    with pytest.raises(ModelPackageError, match="more than 32 bits"):
        has_external_data(field(b"\x3a", graph), PATH)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_no_reference_that_protobuf_reads_slips_through_the_walk(content) -> None:
    """What protobuf parses as a model with a reference is found, or refused as no graph."""
    try:
        model = onnx.load_model_from_string(content)
    except Exception:
        return
    tensors = [*model.graph.initializer]
    try:
        found = has_external_data(content, PATH)
    except ModelPackageError:
        return
    assert found or not any(tensor.external_data for tensor in tensors)
