"""Real TensorRT for RTX compiles every graph that this project ships, for GPUs that are elsewhere."""

import json
import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto

pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed (it has no wheel for this machine)")

from fishy_ros.errors import ConfigError
from fishy_ros.model_package import ModelPackage, load_model_package
from fishy_ros.runtimes.tensorrt_build import GRAPH_NAME, BuildPlan, build_engine
from fishy_ros.runtimes.tensorrt_layers import Layer, read_layers, unwanted_layers
from fishy_ros.runtimes.tensorrt_library import PORTABLE, open_library

MODELS = Path(__file__).parents[2] / "models"
RECORD = MODELS.parent / "docs/results/tensorrt_layers.json"
TARGETS = ("8.6", "12.0")
MOST_MOVES = 10
"""Kernels that only copy, cast or transpose; a graph that falls apart into layers has dozens."""
TYPES = {TensorProto.FLOAT: "Float", TensorProto.FLOAT16: "Half"}
_TENSOR = re.compile(r"Name: (\w+), IOMode: (\w+), DataType: (\w+), Dimensions: \[([\d,]+)\]")


def _shipped() -> list[tuple[str, str]]:
    """List folder and precision of every graph for TensorRT, those of reduced sizes as `256x512`."""
    packages = [load_model_package(path.parent) for path in sorted(MODELS.glob("*/model.yaml"))]
    graphs = [(package.name, precision) for package in packages for precision in package.precisions]
    return graphs + [
        (package.name, f"{small.height}x{small.width}") for package in packages for small in package.reduced
    ]


def _select(name: str, what: str) -> tuple[ModelPackage, str]:
    package = load_model_package(MODELS / name)
    for index, reduced in enumerate(package.reduced):
        if what == f"{reduced.height}x{reduced.width}":
            return package.at_reduced_size(index), "fp32"
    return package, what


def _promised(package: ModelPackage, shrink: int = 1) -> dict[str, tuple[str, str, str]]:
    """Return kind, type and shape of each input and output that a package promises."""
    output = f"1,{package.input_height // 2},{package.input_width // 2}"
    return {
        "image": ("Input", "UInt8", f"1,{shrink * package.input_height},{shrink * package.input_width},3"),
        "labels": ("Output", "UInt8", output),
        **dict.fromkeys(package.score_outputs, ("Output", "Float", output)),
    }


def _convolutions(content: bytes) -> Counter:
    """Count the convolutions of a graph by the type that they multiply in, after the ONNX standard."""
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(content))
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    producers = {name: node for node in model.graph.node for name in node.output}
    counts = Counter()
    for node in model.graph.node:
        if node.op_type == "Conv":
            sources = [producers.get(name) for name in node.input[:2]]
            integer = all(source is not None and source.op_type == "DequantizeLinear" for source in sources)
            counts["Int8" if integer else TYPES[types[node.input[0]]]] += 1
    return counts


def _compiled_convolutions(layers: tuple[Layer, ...]) -> Counter:
    return Counter(layer.inputs[0].dtype for layer in layers if layer.is_convolution)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("name", "what"), _shipped())
def test_a_shipped_graph_compiles_to_what_the_package_says(name, what, target):
    library = open_library("tensorrt_rtx")
    package, precision = _select(name, what)
    engine = build_engine(library, package, precision, BuildPlan((target,), detailed=True))
    assert len(engine) > 1e6
    tensors = {found[0]: found[1:] for found in _TENSOR.findall(library.messages.layers)}
    assert tensors == _promised(package)
    layers = read_layers(library.messages.layers)
    expected = _convolutions(package.graph(precision, GRAPH_NAME).read())
    assert _compiled_convolutions(layers) == expected, "a convolution is computed in another type than the graph's"
    moves = [line for line in unwanted_layers(layers) if "only moves data" in line]
    assert len(moves) <= MOST_MOVES, "\n".join(moves)


def test_an_engine_can_shrink_the_cameras_image_itself():
    library = open_library("tensorrt_rtx")
    package, precision = _select("fishy-s", "fp16")
    build_engine(library, package, precision, BuildPlan(("8.6",), detailed=True, shrink=2))
    tensors = {found[0]: found[1:] for found in _TENSOR.findall(library.messages.layers)}
    assert tensors == _promised(package, shrink=2)


def test_shrinking_on_the_gpu_rounds_as_opencv_does():
    image = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    mean = image.reshape(32, 2, 64, 2, 3).astype(np.float32).mean(axis=(1, 3))
    expected = cv2.resize(image, (64, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(np.floor(mean + 0.5).astype(np.uint8), expected)


def test_the_graph_of_int8_for_processors_is_not_what_tensorrt_gets():
    package = load_model_package(MODELS / "fishy-s")
    assert package.graph("int8", GRAPH_NAME).path.name == "model.int8-tensorrt.onnx"


def test_an_engine_for_everything_from_ampere_on_and_one_for_turing_differ():
    library = open_library("tensorrt_rtx")
    package, precision = _select("fishy-s", "fp16")
    engines = {
        targets: build_engine(library, package, precision, BuildPlan(targets)) for targets in ((PORTABLE,), ("7.5",))
    }
    assert len(set(engines.values())) == 2


@pytest.mark.parametrize("targets", [("9.9",), (PORTABLE, "8.6")])
def test_a_target_that_the_library_does_not_know_is_refused_with_those_that_it_does(targets):
    library = open_library("tensorrt_rtx")
    with pytest.raises(ConfigError, match=r"target '.*': TensorRT for RTX .* builds for 7\.5, 8\.0, 8\.6"):
        library.check_targets(targets)


def test_the_record_of_layers_names_every_shipped_graph():
    entries = json.loads(RECORD.read_text(encoding="utf-8"))["tensorrt_layers"]
    recorded = {
        (entry["model"].split()[0], entry["precision"], *entry["input"], *entry["targets"]) for entry in entries
    }
    graphs = [_select(name, what) for name, what in _shipped()]
    for package, precision in graphs:
        for target in TARGETS:
            assert (package.name, precision, package.input_height, package.input_width, target) in recorded, (
                f"fishy build --for rtx --model models/{package.name} --target {target} --out DIR --layers {RECORD}"
            )
