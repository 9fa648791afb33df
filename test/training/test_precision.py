"""Graphs of lower precision: what they keep, how far they stray, and what engines make of them."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: training is not tested")

import onnxruntime as ort  # noqa: E402
from support.tiny_model import build_tiny_package  # noqa: E402
from training.street import run_commands, write_street  # noqa: E402

from fishy_ros.commands import calibrate, convert, export, train  # noqa: E402
from fishy_ros.detector import AnomalyDetector  # noqa: E402
from fishy_ros.errors import ConfigError, ModelPackageError, RuntimeUnavailableError, TrainingError  # noqa: E402
from fishy_ros.model_package import ModelPackage, load_model_package  # noqa: E402
from fishy_ros.training.precision.half import to_half  # noqa: E402
from fishy_ros.training.precision.histogram import Histogram  # noqa: E402
from fishy_ros.training.precision.quantise import Quantiser  # noqa: E402
from fishy_ros.training.precision.selection import Kind, feature_convolutions, tensor_kinds  # noqa: E402

LOW = ("fp16", "int8")
STRAYS = {"fp16": (0.0005, 0.99), "int8": (0.03, 0.93), "int8-tensorrt": (0.03, 0.92)}
"""Bounds of what a precision costs a network of 60 steps: the mean difference of a score in [0, 1] from that of the
float32 graph, and the share of pixels that keep their class."""
ROUNDING = {"fp16": 0.0005, "int8": 0.008, "int8-tensorrt": 0.008}
"""Bound of the mean difference between two engines that compute the same graph. In float they differ in the last bit,
which turns an 8-bit level here and there, and those grow through the layers: up to 0.005 over eight seeds."""
WORDS = "{name: tiny, version: 1.0.0, description: a test, license: none, training_data: [tiny], card: '# tiny'}"
EXACT = ("Exp", "Log", "ReduceSum", "ReduceMax", "Div", "Abs", "ArgMax", "Sub", "Mul")
"""Operators that tell anomalies from normal pixels, or calibrate."""


def call(*arguments) -> str:
    return run_commands((train, calibrate, export, convert), arguments)


@pytest.fixture(scope="module")
def street(tmp_path_factory) -> Path:
    path = write_street(tmp_path_factory.mktemp("street"))
    content = yaml.safe_load(path.read_text())
    content["stages"] = [{"epochs": 1, "height": 64, "width": 128, "batch": 2, "scale": [0.65, 1.5]}]
    content |= {"epoch_crops": 120, "optimiser": {"learning_rate": 0.003, "warmup_epochs": 0.1, "ema": 0.8}}
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def package(street, tmp_path_factory) -> ModelPackage:
    """A network that has learnt to tell road, building and sky apart, with every precision."""
    out = tmp_path_factory.mktemp("run")
    size = ("--height", 64, "--width", 128)
    (out / "words.yaml").write_text(WORDS)
    call("train", street, "--out", out, "--no-validation")
    call("calibrate", street, out / "last.pt", "--images", 3, *size)
    low = [word for precision in ("fp32", *LOW) for word in ("--precision", precision)]
    words = ("--description", out / "words.yaml", "--config", street, "--baseline-images", 0)
    said = call("export", out / "last.pt", out / "tiny", *words, *size, *low)
    assert "fp32, fp16, int8" in said
    return load_model_package(out / "tiny")


@pytest.fixture(scope="module")
def picture(street) -> np.ndarray:
    """A street with a box on the road."""
    image = cv2.imread(str(street.parent / "images/1.png"))
    cv2.rectangle(image, (80, 60), (110, 85), (30, 200, 240), -1)
    return cv2.resize(image, (128, 64), interpolation=cv2.INTER_AREA)


def as_specified(package: ModelPackage, precision: str, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute scores and classes as the ONNX specification says."""
    model = onnx.load_model_from_string(package.graph(precision).read())
    # The reference knows Q/DQ from opset 19 on; no operator here means anything else there than in 18.
    model.opset_import[0].version = max(model.opset_import[0].version, 19)
    score, labels = ReferenceEvaluator(model).run(None, {"image": picture[None]})
    return score[0], labels[0]


@pytest.mark.parametrize("precision", ["fp16", "int8", "int8-tensorrt"])
def test_a_lower_precision_detects_about_what_the_float32_graph_detects(package, picture, precision):
    (score, labels), (full, full_labels) = (as_specified(package, name, picture) for name in (precision, "fp32"))
    distance, agreement = STRAYS[precision]
    assert full.std() > 3 * distance
    assert np.abs(score - full).mean() < distance
    assert (labels == full_labels).mean() > agreement


@pytest.mark.parametrize(
    ("runtime", "precision"),
    [
        *((runtime, precision) for runtime in ("onnxruntime", "openvino") for precision in LOW),
    ],
)
def test_every_runtime_computes_what_the_onnx_specification_says(package, picture, runtime, precision):
    try:
        detector = AnomalyDetector(package, runtime, "cpu", precision)
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
    score, labels = as_specified(package, precision, picture)
    with detector:
        detection = detector.detect(picture)
    assert (detection.score.dtype, detection.labels.dtype) == (np.float32, np.uint8)
    assert detection.score.shape == detection.labels.shape == (32, 64)
    assert np.abs(detection.score - score).mean() < ROUNDING[precision]
    assert (detection.labels == labels).mean() > 0.96


def test_two_products_of_int8_fit_into_16_bits_but_where_a_gpu_adds(package):
    def largest_weight(precision: str) -> int:
        items = onnx.load_model_from_string(package.graph(precision).read()).graph.initializer
        weights = [numpy_helper.to_array(item) for item in items if item.name.endswith("weight/whole")]
        return max(int(np.abs(weight.astype(int)).max()) for weight in weights)

    assert 2 * 255 * largest_weight("int8") <= np.iinfo(np.int16).max
    assert largest_weight("int8-tensorrt") == 127


@pytest.mark.parametrize("precision", ["fp16", "int8", "int8-tensorrt"])
def test_what_orders_the_scores_is_computed_in_float32(package, precision):
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(package.graph(precision).read()))
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    seen = set()
    for node in model.graph.node:
        if node.op_type in EXACT:
            seen.add(node.op_type)
            assert TensorProto.FLOAT16 not in {types.get(name) for name in node.input}, node.name
    assert {"Exp", "Log", "ArgMax", "Abs"} <= seen
    last = next(node for node in model.graph.node if "score/Conv" in node.name)
    assert {types[name] for name in (last.input[0], last.output[0])} == {TensorProto.FLOAT}


def test_half_precision_halves_the_weights_of_the_network(package):
    full, half = (len(package.graph(precision).read()) for precision in ("fp32", "fp16"))
    assert 0.45 < half / full < 0.55


def test_features_are_quantised_and_the_comparison_with_statistics_is_not(package):
    model = onnx.load_model_from_string(package.graph().read())
    kinds = tensor_kinds(model)
    names = {node.name for node in feature_convolutions(model)}
    assert any("stem" in name for name in names)
    assert any("smooth4" in name for name in names)
    assert not any(word in name for name in names for word in ("classifier", "compare", "prototypes", "score"))
    classifier = next(node for node in model.graph.node if "classifier/Conv" in node.name)
    assert kinds[classifier.input[0]] is Kind.FEATURE
    probabilities = [kind for name, kind in kinds.items() if "head" in name and name.endswith("/Exp_output_0")]
    assert {*probabilities, kinds["score"]} == {Kind.STATISTIC}
    assert probabilities


def test_tensorrt_gets_signed_levels_around_zero_and_others_do_not(package):
    graph = package.graph("int8", "tensorrt")
    assert graph.path.name == "model.int8-tensorrt.onnx"
    assert package.graph("int8", "openvino").path.name == package.graph("int8").path.name == "model.int8.onnx"
    assert package.graph("fp16", "tensorrt").path.name == "model.fp16.onnx"
    assert package.precisions == ("fp32", "fp16", "int8")
    model = onnx.load_model_from_string(graph.read())
    values = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    rounding = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert len(rounding) > 50
    for node in rounding:
        zero = values[node.input[2]]
        assert zero.dtype == np.int8
        assert not zero.any()


def test_onnx_runtime_computes_every_quantised_convolution_in_integers(package, tmp_path):
    content = package.graph("int8").read()
    model = onnx.load_model_from_string(content)
    expected = len(feature_convolutions(onnx.load_model_from_string(package.graph().read())))
    assert sum(node.op_type == "Conv" and "/rounded" in node.input[1] for node in model.graph.node) == expected
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    optimised = onnx.load(str(tmp_path / "optimised.onnx"))
    assert sum(node.op_type == "QLinearConv" for node in optimised.graph.node) == expected


def test_the_picture_is_normalised_along_whole_rows_where_channels_come_last(package):
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(package.graph("int8").read()))
    shapes = {item.name: tuple(item.dims) for item in model.graph.initializer}
    sub, div = (next(node for node in model.graph.node if node.name == name) for name in ("/Sub", "/Div"))
    assert shapes[sub.input[1]] == shapes[div.input[1]] == (1, 3, 1, 128)


def test_converting_again_replaces_one_graph_and_keeps_everything_else(package, street):
    before = (package.folder / "model.yaml").read_text()
    said = call("convert", package.folder, "--precision", "fp16")
    assert "model.fp16.onnx: fp16" in said
    assert (package.folder / "model.yaml").read_text() == before
    assert load_model_package(package.folder) == package


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--precision", "int4"], r"precision 'int4': expected fp16 or int8"),
        (["--precision", "int8"], r"precision 'int8': needs normal images; .*--config"),
        (["--precision", "fp16"], r"nothing of the graph can be in a lower precision"),
    ],
)
def test_what_cannot_be_converted_is_said(tmp_path, arguments, message):
    folder = build_tiny_package(tmp_path / "tiny").folder
    with pytest.raises((ConfigError, ModelPackageError), match=message):
        call("convert", folder, *arguments)
    assert load_model_package(folder).precisions == ("fp32",)


def test_quantising_without_an_image_is_refused(package):
    with pytest.raises(TrainingError, match="no image"):
        Quantiser(onnx.load_model_from_string(package.graph().read()), [])


def test_a_weight_that_float16_cannot_hold_is_named(package):
    model = onnx.load_model_from_string(package.graph().read())
    name = feature_convolutions(model)[0].input[1]
    item = next(item for item in model.graph.initializer if item.name == name)
    item.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(item) * np.float32(1e7), name))
    with pytest.raises(ModelPackageError, match="beyond float16"):
        to_half(model)


def rounding_error(values, low, high):
    step = (high - low) / 255
    zero = np.round(-low / step)
    whole = np.clip(np.round(values / step) + zero, 0, 255)
    return np.square((whole - zero) * step - values).mean()


@pytest.mark.parametrize("seed", range(3))
def test_the_range_has_about_the_least_error_of_all(seed):
    rng = np.random.default_rng(seed)
    values = np.maximum(rng.normal(0, 1, 200_000), 0) * rng.choice([1, 8], 200_000, p=[0.999, 0.001])
    histogram = Histogram()
    for part in np.array_split(values, 7):
        histogram.add(part)
    low, high = histogram.best_range(symmetric=False)
    assert (histogram.low, histogram.high) == (0, values.max())
    assert low == 0
    assert high < histogram.high
    least = min(rounding_error(values, 0, part * histogram.high) for part in np.linspace(0.2, 1, 81))
    assert rounding_error(values, low, high) < 1.02 * least


def test_a_tensor_that_is_zero_everywhere_has_an_empty_range():
    histogram = Histogram()
    histogram.add(np.zeros(10))
    assert histogram.best_range(symmetric=True) == (0, 0)
