"""`fishy bench precisions` against scikit-learn, on a package one of whose graphs is broken on purpose."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from sklearn.metrics import average_precision_score, jaccard_score
from support.command_line import output_of
from support.tiny_model import build_tiny_package

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import DatasetError
from fishy_ros.imaging import resize_score
from fishy_ros.model_package import ModelPackage, add_variants

FRAMES = 3
CAR = 13
"""A class that the network never gives."""


@pytest.fixture
def package(tmp_path: Path) -> ModelPackage:
    """`fp16` is the same graph again; `int8` has another blur and other limits of its classes, so all differs."""
    package = build_tiny_package(tmp_path / "tiny")
    other = onnx.load(str(package.graph_path))
    for weight in (item for item in other.graph.initializer if item.name in ("blur_weight", "offset")):
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) / 2, weight.name))
    onnx.save(other, str(tmp_path / "other.onnx"))
    return add_variants(package, {"fp16": package.graph_path, "int8": tmp_path / "other.onnx"})


@pytest.fixture
def frames(tmp_path: Path, package: ModelPackage) -> Path:
    """Labelled frames of twice the network's size, and a segmentation drawn by chance: with void, and with cars."""
    rng = np.random.default_rng(0)
    for folder in ("anomalies/images", "anomalies/labels", "street/images", "street/labels"):
        (tmp_path / folder).mkdir(parents=True)
    for index in range(FRAMES):
        image = cv2.resize(rng.integers(0, 256, (16, 32, 3), np.uint8), (256, 128), interpolation=cv2.INTER_CUBIC)
        labels = rng.choice(np.uint8([0, 0, 0, 1, 255]), (128, 256))
        classes = np.kron(rng.choice(np.uint8([0, 1, 2, 10, CAR, 255]), (16, 32)), np.ones((8, 8), np.uint8))
        for name, picture in (("anomalies", labels), ("street", classes)):
            cv2.imwrite(str(tmp_path / name / f"images/{index}.png"), image)
            cv2.imwrite(str(tmp_path / name / f"labels/{index}.png"), picture)
    return tmp_path


def call(package: ModelPackage, frames: Path, *arguments: str) -> str:
    where = ["--root", str(frames / "anomalies"), "--dataset", "folder"]
    return output_of("bench", "precisions", "--model", package.folder, "--runtime", "onnxruntime", *where, *arguments)


def test_every_precision_is_measured_and_compared_with_the_first(package: ModelPackage, frames: Path) -> None:
    out = frames / "out" / "precisions.json"
    call(package, frames, "--segmentation", str(frames / "street"), "--out", str(out))
    full, same, other = json.loads(out.read_text())["precisions"]["precisions"]
    assert [row["precision"] for row in (full, same, other)] == ["fp32", "fp16", "int8"]
    assert {key: full[key] for key in ("ap", "fpr95", "auroc")} == {key: same[key] for key in ("ap", "fpr95", "auroc")}
    assert (same["score_difference"], same["same_class"], same["miou"]) == (0, 1, full["miou"])
    assert other["score_difference"] > 0.01
    assert other["same_class"] < 0.9
    assert abs(other["miou"] - full["miou"]) > 1e-3
    assert other["graph_sha256"] == package.graph("int8").sha256 != full["graph_sha256"]
    for row in (full, other):
        assert row["ap"] == pytest.approx(expected_ap(package, frames, row["precision"]))
        assert row["miou"] == pytest.approx(expected_miou(package, frames, row["precision"]))


def test_without_a_segmentation_there_is_no_mean_iou(package: ModelPackage, frames: Path) -> None:
    out = frames / "precisions.json"
    call(package, frames, "--precision", "int8", "--out", str(out))
    (row,) = json.loads(out.read_text())["precisions"]["precisions"]
    assert row["miou"] is None


def test_a_segmentation_without_labels_is_refused(package: ModelPackage, frames: Path) -> None:
    with pytest.raises(DatasetError, match="train ids, found none"):
        call(package, frames, "--segmentation", str(frames))


def expected_ap(package: ModelPackage, frames: Path, precision: str) -> float:
    scores, truth = [], []
    with AnomalyDetector(package, "onnxruntime", "cpu", precision) as detector:
        for index in range(FRAMES):
            image = cv2.imread(str(frames / f"anomalies/images/{index}.png"))
            labels = cv2.imread(str(frames / f"anomalies/labels/{index}.png"), cv2.IMREAD_UNCHANGED)
            score = resize_score(detector.detect(image).score, *labels.shape)
            scores.append(score[labels != 255])
            truth.append(labels[labels != 255])
    return average_precision_score(np.concatenate(truth), np.concatenate(scores))


def expected_miou(package: ModelPackage, frames: Path, precision: str) -> float:
    """The mean of scikit-learn's Jaccard index over all classes that are seen or said, void left out."""
    said, truth = [], []
    with AnomalyDetector(package, "onnxruntime", "cpu", precision) as detector:
        for index in range(FRAMES):
            classes = cv2.imread(str(frames / f"street/labels/{index}.png"), cv2.IMREAD_UNCHANGED)
            labels = detector.detect(cv2.imread(str(frames / f"street/images/{index}.png"))).labels
            said.append(np.kron(labels, np.ones((2, 2), np.uint8))[classes != 255])
            truth.append(classes[classes != 255])
    return jaccard_score(np.concatenate(truth), np.concatenate(said), average="macro")
