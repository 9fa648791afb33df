"""A tiny but real model package: local contrast as the anomaly score, brightness as the semantic class."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fishy_ros.model_package import Calibration, ModelPackage, SemanticClass, write_model_package

CLASSES = (
    SemanticClass(0, "road", (128, 64, 128)),
    SemanticClass(1, "sidewalk", (244, 35, 232)),
    SemanticClass(2, "building", (70, 70, 70)),
    SemanticClass(10, "sky", (70, 130, 180)),
)
_BLUR = 9


def build_tiny_package(
    folder: str | Path, height: int = 64, width: int = 128, stride: int = 1, name: str = "tiny"
) -> ModelPackage:
    """Write a package whose graph takes `[1, height, width, 3]` and returns maps smaller by `stride`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / "model.onnx"
    onnx.save(tiny_graph(height, width, stride), str(graph))
    return write_model_package(
        folder,
        graph,
        name=name,
        version="0.1.0",
        description="Local contrast in place of a network, for tests.",
        input_height=height,
        input_width=width,
        classes=CLASSES,
        calibration=Calibration(
            meaning="softsign of the local contrast; 0.5 is a contrast of 0.1",
            default_threshold=0.5,
            normal_share_above=((0.25, 0.1), (0.5, 0.01), (0.75, 0.001)),
        ),
        license="Apache-2.0",
        training_data=("none",),
        metrics={"note": "not trained"},
        card="# tiny\n\nLocal contrast in place of a network.\n",
    )


def tiny_graph(height: int, width: int, stride: int = 1) -> onnx.ModelProto:
    """Build the graph: grey = mean(BGR) / 255, score = softsign(10 (|grey - blurred grey| - 0.1)) / 2 + 0.5."""
    grey = np.full((1, 3, 1, 1), 1 / (3 * 255), np.float32)
    blur = np.full((1, 1, _BLUR, _BLUR), 1 / _BLUR**2, np.float32)
    # Class k of four wins where the grey value is in the k-th quarter: the lines k g - k^2 / 8 have that envelope.
    slope = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1)
    offset = -(np.arange(4, dtype=np.float32) ** 2) / 8
    constants = {
        "grey_weight": grey,
        "blur_weight": blur,
        "slope": slope,
        "offset": offset,
        "ids": np.array([item.id for item in CLASSES], np.float32),
        "gain": np.array(10, np.float32),
        "shift": np.array(-1, np.float32),
        "half": np.array(0.5, np.float32),
    }
    pad = _BLUR // 2
    nodes = [
        helper.make_node("Cast", ["image"], ["float_image"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float_image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "grey_weight"], ["grey_full"]),
        helper.make_node("AveragePool", ["grey_full"], ["grey"], kernel_shape=[stride] * 2, strides=[stride] * 2),
        helper.make_node("Conv", ["grey", "blur_weight"], ["blurred"], pads=[pad] * 4),
        helper.make_node("Sub", ["grey", "blurred"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["contrast"]),
        helper.make_node("Mul", ["contrast", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["raw"]),
        helper.make_node("Softsign", ["raw"], ["soft"]),
        helper.make_node("Mul", ["soft", "half"], ["halved"]),
        helper.make_node("Add", ["halved", "half"], ["score_planes"]),
        helper.make_node("Reshape", ["score_planes", "map_shape"], ["score"]),
        helper.make_node("Conv", ["grey", "slope", "offset"], ["logits"]),
        helper.make_node("ArgMax", ["logits"], ["index"], axis=1, keepdims=0),
        helper.make_node("Gather", ["ids", "index"], ["float_labels"]),
        helper.make_node("Cast", ["float_labels"], ["labels"], to=TensorProto.UINT8),
    ]
    shape = [1, height // stride, width // stride]
    constants["map_shape"] = np.array(shape, np.int64)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 3])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("labels", TensorProto.UINT8, shape),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _main() -> None:
    parser = argparse.ArgumentParser(description="Write the tiny model package.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--stride", type=int, default=1)
    options = parser.parse_args()
    print(build_tiny_package(options.folder, options.height, options.width, options.stride))


if __name__ == "__main__":
    _main()
