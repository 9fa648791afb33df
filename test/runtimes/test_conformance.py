"""Every runtime that runs on this machine computes the same function and fails in the same way."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from support.tiny_model import build_tiny_package, tiny_graph

from fishy_ros.errors import ConfigError, InferenceError, ModelPackageError, RuntimeUnavailableError
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes import RUNTIMES, Runtime, create_runtime

TOLERANCE = 1e-5
"""Largest difference of a score in [0, 1] between runtimes in full precision."""


def _why_unavailable(name: str, folder: Path) -> str | None:
    try:
        create_runtime(name, build_tiny_package(folder, 32, 64)).close()
    except RuntimeUnavailableError as error:
        return str(error)
    return None


@pytest.fixture(scope="module", params=RUNTIMES)
def name(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    reason = _why_unavailable(request.param, tmp_path_factory.mktemp("probe"))
    if reason:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def open_runtime(name: str) -> Callable[[ModelPackage], Runtime]:
    return lambda package: create_runtime(name, package)


def _images(height: int, width: int) -> list[np.ndarray]:
    generator = np.random.default_rng(7)
    ramp = np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8)[None, :, None], (height, width, 3))
    blob = np.zeros((height, width, 3), np.uint8)
    blob[height // 3 : height // 2, width // 3 : width // 2] = 255
    noise = generator.integers(0, 256, (height, width, 3), np.uint8)
    return [np.zeros_like(blob), np.full_like(blob, 255), ramp, blob, noise]


@pytest.mark.parametrize(("height", "width", "stride"), [(64, 128, 1), (96, 160, 4)])
def test_scores_and_labels_are_those_of_the_reference(
    open_runtime: Callable[[ModelPackage], Runtime], tmp_path: Path, height: int, width: int, stride: int
) -> None:
    package = build_tiny_package(tmp_path / "tiny", height, width, stride)
    reference = ReferenceEvaluator(onnx.load(package.graph_path))
    runtime = open_runtime(package)
    for image in _images(height, width):
        runtime.input_buffer[:] = image
        output = runtime.run()
        score, labels = reference.run(["score", "labels"], {"image": image[None]})
        assert (output.score.dtype, output.score.shape) == (np.float32, (height // stride, width // stride))
        assert (output.labels.dtype, output.labels.shape) == (np.uint8, (height // stride, width // stride))
        np.testing.assert_allclose(output.score, score[0], atol=TOLERANCE, rtol=0)
        # A class may flip where two of them are equally likely up to rounding.
        assert np.mean(output.labels != labels[0]) < 0.001
    runtime.close()


def test_the_input_buffer_is_one_uint8_image_that_stays_in_place(
    open_runtime: Callable[[ModelPackage], Runtime], tiny_package: ModelPackage
) -> None:
    runtime = open_runtime(tiny_package)
    buffer = runtime.input_buffer
    assert (buffer.dtype, buffer.shape) == (np.uint8, (64, 128, 3))
    assert buffer.flags.c_contiguous
    assert buffer.flags.writeable
    address = buffer.ctypes.data
    runtime.run()
    assert runtime.input_buffer.ctypes.data == address
    runtime.close()


def test_two_runtimes_do_not_share_their_buffers(
    open_runtime: Callable[[ModelPackage], Runtime], tiny_package: ModelPackage
) -> None:
    first, second = open_runtime(tiny_package), open_runtime(tiny_package)
    blank, noise = _images(64, 128)[0], _images(64, 128)[-1]
    first.input_buffer[:] = blank
    second.input_buffer[:] = noise
    one, other = first.run(), second.run()
    assert not np.array_equal(one.score, other.score)
    assert np.array_equal(first.input_buffer, blank)
    first.close()
    assert np.array_equal(second.run().score, other.score)
    second.close()


def test_a_closed_runtime_says_so(open_runtime: Callable[[ModelPackage], Runtime], tiny_package: ModelPackage) -> None:
    runtime = open_runtime(tiny_package)
    runtime.close()
    runtime.close()
    with pytest.raises(InferenceError, match="closed"):
        runtime.run()


def test_the_info_names_engine_device_and_version(
    open_runtime: Callable[[ModelPackage], Runtime], tiny_package: ModelPackage, name: str
) -> None:
    runtime = open_runtime(tiny_package)
    assert runtime.info.name == name
    assert runtime.info.device.split(":")[0] in ("cpu", "cuda", "gpu")
    assert runtime.info.version[0].isdigit()
    assert "fp32" in runtime.info.detail
    runtime.close()


def _with_graph(package: ModelPackage, folder: Path, content: bytes) -> ModelPackage:
    """Return the package with another graph under its right hash."""
    path = folder / "other.onnx"
    path.write_bytes(content)
    return replace(package, graph_path=path, sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_a_graph_that_was_truncated_before_it_was_hashed_is_named(
    open_runtime: Callable[[ModelPackage], Runtime], tiny_package: ModelPackage, tmp_path: Path, keep: int
) -> None:
    package = _with_graph(tiny_package, tmp_path, tiny_package.graph().read()[:keep])
    with pytest.raises(ModelPackageError, match=r"other\.onnx"):
        open_runtime(package)


def test_an_operator_that_nobody_has_is_named(
    open_runtime: Callable[[ModelPackage], Runtime], tiny_package: ModelPackage, tmp_path: Path
) -> None:
    model = tiny_graph(64, 128)
    next(node for node in model.graph.node if node.op_type == "Softsign").op_type = "Fishify"
    with pytest.raises(ModelPackageError, match=r"other\.onnx.*Fishify"):
        open_runtime(_with_graph(tiny_package, tmp_path, model.SerializeToString()))


def _signature(image: tuple[int, list[int]], score: tuple[int, list[int]], labels: str) -> bytes:
    """Build a graph of casts, whose input and outputs have the given types and shapes."""
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=score[0]),
        helper.make_node("ReduceMax", ["cast"], ["score"], axes=[3], keepdims=int(len(score[1]) == 4)),
        helper.make_node("Cast", ["score"], [labels], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(
        nodes,
        "casts",
        [helper.make_tensor_value_info("image", *image)],
        [
            helper.make_tensor_value_info("score", *score),
            helper.make_tensor_value_info(labels, TensorProto.UINT8, score[1]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


U8, F32, F16 = TensorProto.UINT8, TensorProto.FLOAT, TensorProto.FLOAT16


@pytest.mark.parametrize(
    ("image", "score", "labels", "expected"),
    [
        ((F32, [1, 64, 128, 3]), (F32, [1, 64, 128]), "labels", r"image` uint8 \[1, 64, 128, 3\].*float32"),
        ((U8, [1, 64, 64, 3]), (F32, [1, 64, 64]), "labels", r"\[1, 64, 128, 3\].*\[1, 64, 64, 3\]"),
        ((U8, [2, 64, 128, 3]), (F32, [2, 64, 128]), "labels", r"\[1, 64, 128, 3\].*\[2, 64, 128, 3\]"),
        ((U8, [1, 64, 128, 3]), (F32, [1, 64, 128, 1]), "labels", r"float32 \[1, h, w\].*\[1, 64, 128, 1\]"),
        ((U8, [1, 64, 128, 3]), (F16, [1, 64, 128]), "labels", r"float32 \[1, h, w\].*float16"),
        ((U8, [1, 64, 128, 3]), (F32, [1, 64, 128]), "classes", r"`labels` uint8.*`classes`"),
    ],
)
def test_a_graph_with_another_signature_is_refused_with_both_signatures(
    open_runtime: Callable[[ModelPackage], Runtime],
    tiny_package: ModelPackage,
    tmp_path: Path,
    image: tuple[int, list[int]],
    score: tuple[int, list[int]],
    labels: str,
    expected: str,
) -> None:
    package = _with_graph(tiny_package, tmp_path, _signature(image, score, labels))
    with pytest.raises(ModelPackageError, match=rf"other\.onnx: .*{expected}"):
        open_runtime(package)


def test_a_precision_that_the_package_lacks_is_refused(name: str, tiny_package: ModelPackage) -> None:
    with pytest.raises(ConfigError, match=r"int8.*fp32"):
        create_runtime(name, tiny_package, precision="int8")
