"""Real model packages that misbehave on bright images (a mean grey value above 127) and work on dark ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper

from fishy_ros.detector import AnomalyDetector
from fishy_ros.model_package import (
    Calibration,
    ModelPackage,
    SemanticClass,
    add_reduced_graph,
    add_variants,
    write_model_package,
)

_SIZE = 8
_ENDLESS = 10**12
_SOME = 3000
"""Rounds that take a few milliseconds."""


def build_failing_package(folder: Path) -> ModelPackage:
    """Write a package whose score leaves [0, 1] on bright images."""
    nodes = [helper.make_node("Identity", ["grey"], ["score"])]
    return _write(folder, nodes)


def build_throwing_package(folder: Path) -> ModelPackage:
    """Write a package whose graph makes the engine throw on bright images: an index out of bounds."""
    nodes = [
        *_brightness(),
        helper.make_node("Constant", [], ["only"], value=helper.make_tensor("only", TensorProto.FLOAT, [1], [0.0])),
        helper.make_node("Gather", ["only", "bright"], ["nothing"], axis=0),
        helper.make_node("Add", ["grey", "nothing"], ["score"]),
    ]
    return _write(folder, nodes)


def build_nan_package(folder: Path) -> ModelPackage:
    """Write a package whose score is NaN on bright images: the root of what is missing to a grey value of 1."""
    nodes = [
        helper.make_node("Sub", ["one", "grey"], ["room"]),
        helper.make_node("Sqrt", ["room"], ["root"]),
        helper.make_node("Mul", ["root", "zero"], ["nothing"]),
        helper.make_node("Add", ["grey", "nothing"], ["score"]),
    ]
    return _write(folder, nodes)


def build_hanging_package(folder: Path) -> ModelPackage:
    """Write a package whose graph counts for days on bright images."""
    return _write(folder, _count(0, _ENDLESS))


def build_slow_package(folder: Path, rounds: int, variant: bool = True, reduced: bool = False) -> ModelPackage:
    """Write a package whose graph counts `rounds` rounds on bright images; a variant and a reduced graph do not count.

    The variant is called `int8`, the reduced graph takes images of half the size.
    """
    package = _write(folder, _count(_SOME, rounds))
    quick = [helper.make_node("Mul", ["grey", "half"], ["score"])]
    if variant:
        package = add_variants(package, {"int8": _save(folder / "quick.onnx", quick)})
    if reduced:
        size = _SIZE // 2
        package = add_reduced_graph(package, _save(folder / "small.onnx", quick, size), size, size)
    return package


def rounds_that_take(seconds: float, folder: Path) -> int:
    """Measure how many rounds a slow package has to count to take about so long on this machine, as busy as it is."""
    rounds = 100_000
    bright = np.full((_SIZE, _SIZE, 3), 250, np.uint8)
    with AnomalyDetector(build_slow_package(folder, rounds, variant=False), "onnxruntime", "cpu", threads=1) as slow:
        slow.detect(np.zeros_like(bright))
        taken_s = slow.detect(bright).timings_ms["inference"] / 1000
    return int(rounds * seconds / taken_s)


def _count(at_least: int, when_bright: int) -> list[NodeProto]:
    """Count to `at_least`, and on bright images to `when_bright` more, before the score is half the grey value."""
    numbers = {"few": at_least, "many": when_bright}
    return [
        *(
            helper.make_node("Constant", [], [name], value=helper.make_tensor(name, TensorProto.INT64, [], [number]))
            for name, number in numbers.items()
        ),
        *_brightness(),
        helper.make_node("Mul", ["bright", "many"], ["more"]),
        helper.make_node("Add", ["few", "more"], ["rounds"]),
        helper.make_node("Loop", ["rounds", "", "zero"], ["count"], body=_counting()),
        helper.make_node("Mul", ["count", "zero"], ["nothing"]),
        helper.make_node("Add", ["grey", "nothing"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["score"]),
    ]


def _brightness() -> list[NodeProto]:
    """Build the nodes that compute `bright`, int64: 1 for a bright image and 0 for a dark one."""
    return [
        helper.make_node("ReduceMax", ["grey"], ["brightest"], keepdims=0),
        helper.make_node("Greater", ["brightest", "one"], ["is_bright"]),
        helper.make_node("Cast", ["is_bright"], ["bright"], to=TensorProto.INT64),
    ]


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


def _save(path: Path, nodes: list[NodeProto], size: int = _SIZE) -> Path:
    """Write the graph of `nodes`, which make `score` from `grey`, for images of `size` x `size`."""
    shape = [1, size, size]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [*shape, 3])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, shape)
    labels = helper.make_tensor_value_info("labels", TensorProto.UINT8, shape)
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [3]),
        helper.make_tensor("scale", TensorProto.FLOAT, [], [127.0]),
        helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        helper.make_tensor("half", TensorProto.FLOAT, [], [0.5]),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
    ]
    common = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axis"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "scale"], ["grey"]),
        helper.make_node("Cast", ["grey"], ["labels"], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph([*common, *nodes], path.stem, [image], [score, labels], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))
    return path


def _write(folder: Path, nodes: list[NodeProto]) -> ModelPackage:
    folder.mkdir(parents=True)
    return write_model_package(
        folder,
        _save(folder / "model.onnx", nodes),
        name=folder.name,
        version="0.1.0",
        description="Misbehaves on bright images, for tests.",
        input_height=_SIZE,
        input_width=_SIZE,
        classes=(SemanticClass(0, "road", (128, 64, 128)),),
        calibration=Calibration(meaning="none", default_threshold=0.5),
        license="Apache-2.0",
    )
