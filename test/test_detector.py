"""The detector: any image in, a heatmap in [0, 1] out, and errors that say what was wrong."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from support.tiny_model import tiny_graph

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import ImageError, InferenceError
from fishy_ros.imaging import resize_into
from fishy_ros.model_package import ModelPackage
from fishy_ros.types import ImageArray


@pytest.fixture(scope="module")
def detector(tiny_package: ModelPackage) -> AnomalyDetector:
    return AnomalyDetector(tiny_package, "onnxruntime", "cpu")


def _noise(height: int, width: int, seed: int = 0) -> ImageArray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(64, 128), (128, 256), (100, 333), (1, 1), (32, 500)])
def test_an_image_of_any_size_is_scored_at_the_size_of_the_network(
    detector: AnomalyDetector, size: tuple[int, int]
) -> None:
    found = detector.detect(_noise(*size))
    assert (found.score.dtype, found.score.shape) == (np.float32, (64, 128))
    assert (found.labels.dtype, found.labels.shape) == (np.uint8, (64, 128))
    assert 0 <= found.score.min() <= found.score.max() <= 1
    assert set(np.unique(found.labels)) <= {item.id for item in detector.package.classes}
    assert set(found.timings_ms) == {"resize", "inference", "output"}
    assert all(duration >= 0 for duration in found.timings_ms.values())


def test_the_score_is_what_the_graph_says_of_the_resized_image(detector: AnomalyDetector) -> None:
    image = _noise(128, 256)
    halved = image.reshape(64, 2, 128, 2, 3).mean((1, 3))
    reference = ReferenceEvaluator(onnx.load(detector.package.graph_path))
    low, high = (
        reference.run(["score"], {"image": np.clip(np.round(halved + d), 0, 255).astype(np.uint8)[None]})[0][0]
        for d in (-0.01, 0.01)
    )
    score = detector.detect(image).score
    # Means of four that end in .5 may be rounded either way.
    assert np.all(score >= np.minimum(low, high) - 0.01)
    assert np.all(score <= np.maximum(low, high) + 0.01)


def test_a_view_with_strides_scores_like_its_copy(detector: AnomalyDetector) -> None:
    padded = _noise(128, 300)
    view = padded[::-1, 20:276]
    np.testing.assert_array_equal(detector.detect(view).score, detector.detect(view.copy()).score)


def test_the_arrays_belong_to_the_caller(detector: AnomalyDetector) -> None:
    first = detector.detect(_noise(64, 128, 1))
    kept = first.score.copy()
    detector.detect(_noise(64, 128, 2))
    np.testing.assert_array_equal(first.score, kept)
    first.score[:] = -1
    np.testing.assert_array_equal(detector.detect(_noise(64, 128, 1)).score, kept)


@pytest.mark.parametrize(
    ("image", "named"),
    [
        (np.zeros((64, 128), np.uint8), r"uint8 \[64, 128\]"),
        (np.zeros((64, 128, 4), np.uint8), r"\[64, 128, 4\]"),
        (np.zeros((64, 128, 3), np.float32), "float32"),
        (np.zeros((0, 128, 3), np.uint8), r"\[0, 128, 3\]"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_color_image_is_refused_and_the_next_image_is_scored(
    detector: AnomalyDetector, image: ImageArray, named: str
) -> None:
    with pytest.raises(ImageError, match=named):
        detector.detect(image)
    detector.detect(_noise(64, 128))


def test_a_graph_that_yields_no_number_is_an_inference_error(tiny_package: ModelPackage, tmp_path: Path) -> None:
    model = tiny_graph(64, 128)
    next(item for item in model.graph.initializer if item.name == "half").CopyFrom(
        onnx.numpy_helper.from_array(np.array(np.nan, np.float32), "half")
    )
    path = tmp_path / "nan.onnx"
    onnx.save(model, str(path))
    package = replace(tiny_package, graph_path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with AnomalyDetector(package, "onnxruntime", "cpu") as detector, pytest.raises(InferenceError, match="nan"):
        detector.detect(_noise(64, 128))


def test_a_detector_opens_by_path_and_says_what_runs(tiny_package: ModelPackage) -> None:
    with AnomalyDetector(str(tiny_package.folder)) as detector:
        assert detector.package == tiny_package
        assert detector.runtime_info.name in str(detector.selection_notes[-1])
        detector.detect(_noise(10, 10))
    with pytest.raises(InferenceError, match="closed"):
        detector.detect(_noise(10, 10))


@pytest.mark.parametrize(("height", "width"), [(4 * 64, 4 * 128), (3 * 64, 5 * 128)])
def test_a_large_image_is_reduced_by_averaging_so_that_no_thin_line_is_lost(height: int, width: int) -> None:
    """One bright column among the pixels of a target pixel shows wherever in it the column lies."""
    rows, columns = height // 64, width // 128
    for column in range(columns):
        image = np.zeros((height, width, 3), np.uint8)
        image[:, column::columns] = 200
        found = np.empty((64, 128, 3), np.uint8)
        resize_into(image, found)
        np.testing.assert_allclose(found, 200 / columns, atol=1)
    image = _noise(height, width)
    resize_into(image, found)
    expected = image.reshape(64, rows, 128, columns, 3).mean((1, 3))
    np.testing.assert_allclose(found, expected, atol=1)


def test_a_small_image_is_enlarged_without_steps() -> None:
    ramp = np.repeat(np.arange(0, 128, 8, np.uint8)[None, :, None], 8, axis=0).repeat(3, axis=2)
    found = np.empty((64, 128, 3), np.uint8)
    resize_into(np.ascontiguousarray(ramp), found)
    assert np.abs(np.diff(found.astype(int), axis=1)).max() <= 2
