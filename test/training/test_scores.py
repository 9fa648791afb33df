"""Several scores of one network leave one graph; `MODEL:SCORE` chooses which of them is the heatmap."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import yaml

from fishy_ros import AnomalyDetector
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.drift.baseline import write_baseline
from fishy_ros.errors import ConfigError, ModelPackageError
from fishy_ros.model_package import ModelPackage, load_model_package
from fishy_ros.training.calibrate import load_calibration, measure_calibration
from fishy_ros.training.checkpoint import load_model
from fishy_ros.training.graph import DeployedModel
from fishy_ros.training.heads.registry import create_head
from fishy_ros.training.heads.spec import Statistics
from fishy_ros.training.package import build_package
from fishy_ros.training.precision.variants import add_precisions
from fishy_ros.training.reduced import add_reduced_size
from fishy_ros.training.statistics import measure_statistics, save_statistics, to_tensor

WEIGHTS = Path(__file__).resolve().parents[2] / "checkpoints/fishy-s.safetensors"
SIZE = (64, 128)
OBSTACLE, ANYWHERE = "dissimilarity+ground", "dissimilarity"


@pytest.fixture(scope="module")
def pictures():
    return [sample.image for sample in SyntheticStreet(24, height=96, width=192, seed=5)]


@pytest.fixture(scope="module")
def folders(pictures, tmp_path_factory):
    """What `fishy calibrate` leaves for each of the two heads."""
    model = load_model(WEIGHTS)
    images = [to_tensor(picture, *SIZE) for picture in pictures]
    found = {}
    for name in (OBSTACLE, ANYWHERE):
        folder = found[name] = tmp_path_factory.mktemp("calibration")
        statistics = measure_statistics(model, [name], images)
        save_statistics(folder / "statistics.safetensors", statistics)
        measure_calibration(name, model, create_head(name, model, statistics), images).save(folder / "calibration.json")
    return found


@pytest.fixture(scope="module")
def package(pictures, folders, tmp_path_factory) -> ModelPackage:
    root = tmp_path_factory.mktemp("two")
    words = root / "words.yaml"
    words.write_text(yaml.safe_dump({**WORDS, "scores": {"anywhere": "What is strange anywhere."}}))
    scores = {"anywhere": folders[ANYWHERE]}
    built = build_package(WEIGHTS, folders[OBSTACLE], words, root / "two", *SIZE, {}, scores)
    built = add_precisions(built, ("fp16", "int8"), lambda: pictures[:8])
    built = add_reduced_size(built, WEIGHTS, folders[OBSTACLE], (32, 64), pictures, scores)
    write_baseline(built.with_score("anywhere"), pictures, "onnxruntime")
    return write_baseline(built, pictures, "onnxruntime")


WORDS = {"name": "two", "version": "1.0.0", "description": "a test", "license": "Apache-2.0", "training_data": ["none"]}
WORDS["card"] = "# two"


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(("score", "head"), [("", OBSTACLE), (":anywhere", ANYWHERE)])
def test_each_score_equals_that_of_a_graph_of_its_own(package, pictures, folders, runtime, score, head):
    pytest.importorskip(runtime)
    model = load_model(WEIGHTS)
    scale = load_calibration(folders[head] / "calibration.json").scale
    alone = DeployedModel(model, create_head(head, model, Statistics()), scale).eval()
    with AnomalyDetector(f"{package.folder}{score}", runtime, "cpu") as detector:
        found = detector.detect(pictures[0])
        with torch.no_grad():
            expected, labels = alone(torch.from_numpy(detector.network_image.copy())[None])
    np.testing.assert_allclose(found.score, expected[0].numpy(), atol=2e-4)
    assert (found.labels == labels[0].numpy()).mean() > 0.999


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_scores_of_every_precision_stay_apart(package, pictures, precision):
    found = []
    for score in ("", ":anywhere"):
        with AnomalyDetector(f"{package.folder}{score}", "onnxruntime", "cpu", precision) as detector:
            found.append(detector.detect(pictures[0]).score)
    assert np.abs(found[0] - found[1]).max() > 0.02


def test_a_smaller_graph_gives_the_chosen_score_too(package, pictures):
    chosen = package.with_score("anywhere").at_reduced_size(0)
    shares = []
    for graph in (package.with_score("anywhere"), chosen):
        with AnomalyDetector(graph, "onnxruntime", "cpu") as detector:
            shares.append(np.mean([detector.detect(picture).score > 0.5 for picture in pictures]))
    assert shares[1] == pytest.approx(shares[0], abs=0.01), "0.5 means the same at both sizes"


def test_the_learned_head_is_computed_once_for_both_scores(package):
    graph = onnx.load_model_from_string(package.graph().read()).graph
    assert [output.name for output in graph.output] == ["score", "labels", "score_anywhere"]
    weights = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    assert len(weights) == sum(node.op_type == "Conv" for node in graph.node)


def test_a_chosen_score_has_its_own_calibration_baseline_and_name(package):
    chosen = load_model_package(f"{package.folder}:anywhere")
    assert chosen.name == "two:anywhere"
    assert chosen.description == "What is strange anywhere."
    assert chosen.calibration != package.calibration
    assert chosen.baseline is not None
    assert chosen.baseline.statistics != load_model_package(package.folder).baseline.statistics


def test_an_unknown_score_is_named_with_those_that_there_are(package):
    with pytest.raises(ConfigError, match=r"no score 'here' beside its own; it has anywhere"):
        load_model_package(f"{package.folder}:here")


def test_a_graph_that_lacks_a_promised_score_is_refused(package, tmp_path):
    description = (package.folder / "model.yaml").read_text().replace("output: score_anywhere", "output: score_nowhere")
    for file in package.folder.glob("*.onnx"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.yaml").write_text(description)
    with pytest.raises(ModelPackageError, match=r"expected outputs `score` .* `score_nowhere`"):
        AnomalyDetector(tmp_path, "onnxruntime", "cpu")


def test_a_score_without_a_description_is_not_exported(folders, tmp_path):
    words = tmp_path / "words.yaml"
    words.write_text(yaml.safe_dump(WORDS))
    with pytest.raises(ConfigError, match="`scores` does not say what anywhere is"):
        build_package(WEIGHTS, folders[OBSTACLE], words, tmp_path, *SIZE, {}, {"anywhere": folders[ANYWHERE]})
