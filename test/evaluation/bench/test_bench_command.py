"""`fishy bench` measures what it is asked for and keeps it as JSON and as a picture."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.command_line import fishy, output_of
from support.tiny_model import build_tiny_package

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.bench.methods import Method
from fishy_ros.evaluation.bench.plain_onnxruntime import PlainOnnxRuntime
from fishy_ros.model_package import ModelPackage


def test_two_configurations_are_compared_and_kept(tiny_package: ModelPackage, tmp_path: Path) -> None:
    out = tmp_path / "results" / "detect.json"
    arguments = ["bench", "--model", str(tiny_package.folder), "--runtime", "onnxruntime", "--size", "64x128"]
    arguments += ["--vs", "threads=1,transport=jpeg", "--rounds", "2", "--frames", "3", "--warm-up", "1"]
    output_of(*arguments, "--out", out)
    kept = json.loads(out.read_text())["bench"]
    first, second = kept["methods"]
    assert first["ratio_to_first"]["total"]["median"] == 1
    assert second["configuration"]["threads"] == 1
    assert second["configuration"]["resolved"]["name"] == "onnxruntime"
    assert second["stages_ms"]["decode"]["frames"] == 6
    for method in kept["methods"]:
        stages = {stage: summary["median"] for stage, summary in method["stages_ms"].items()}
        assert stages["inference"] <= stages["total"]
    assert kept["environment"]["cores"] >= 1
    picture = cv2.imread(str(out.with_suffix(".png")))
    assert picture is not None
    assert picture.std() > 10


def test_settings_and_roofline_run(tiny_package: ModelPackage, tmp_path: Path) -> None:
    quick = ["--model", str(tiny_package.folder), "--rounds", "1", "--frames", "1", "--warm-up", "0"]
    settings, roofline = tmp_path / "settings.json", tmp_path / "roofline.json"
    assert "spinning on" in fishy("bench", "settings", *quick, "--out", str(settings)).output
    limits = ["--gflops", "100", "--bandwidth", "10"]
    fishy("bench", "roofline", *quick, *limits, "--out", str(roofline))
    kept = json.loads(roofline.read_text())["roofline"]
    assert kept["fraction"] == pytest.approx(kept["limit_ms"] / kept["measured_ms"]["median"])
    assert sum(kept["share_by_operator"].values()) == pytest.approx(1)


def test_a_configuration_that_does_not_start_is_named_and_left_out(tiny_package: ModelPackage) -> None:
    arguments = ["bench", "--model", str(tiny_package.folder), "--size", "64x128", "--vs", "precision=int8"]
    arguments += ["--rounds", "1", "--frames", "1", "--warm-up", "0"]
    assert "precision=int8 is left out" in fishy(*arguments).output


def test_settings_of_openvino_are_compared_and_those_of_others_are_refused(
    tiny_package: ModelPackage, tmp_path: Path
) -> None:
    quick = ["--model", str(tiny_package.folder), "--rounds", "1", "--frames", "1", "--warm-up", "0"]
    with pytest.raises(ConfigError, match="'torch': expected onnxruntime or openvino"):
        fishy("bench", "settings", *quick, "--runtime", "torch")
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    out = tmp_path / "settings.json"
    arguments = ["bench", "settings", *quick, "--runtime", "openvino", "--out", str(out)]
    fishy(*arguments)
    methods = {method["name"]: method["configuration"] for method in json.loads(out.read_text())["bench"]["methods"]}
    assert methods["in use"]["precision"] == "f32"
    assert methods["threads pinned on"]["cpu_pinning"] is True
    assert methods["one thread"]["threads"] == 1


@pytest.mark.parametrize("text", ["speed=1", "threads=many", "threads", "transport=bmp"])
def test_a_configuration_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=text.split("=")[0]):
        Method("fishy-s").changed(text)


def test_the_plain_session_gives_the_scores_that_the_detector_gives(tiny_package: ModelPackage) -> None:
    plain = PlainOnnxRuntime(tiny_package, "fp32")
    picture = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    with AnomalyDetector.over(tiny_package, plain) as one, AnomalyDetector(tiny_package, "onnxruntime") as other:
        found, expected = one.detect(picture), other.detect(picture)
    np.testing.assert_allclose(found.score, expected.score, atol=1e-6)
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_baselines_are_plain_onnx_runtime_and_erfnet_beside_the_detector(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    out = tmp_path / "baselines.json"
    package = build_tiny_package(tmp_path / "tiny", 32, 64)
    arguments = ["bench", "baselines", "--model", str(package.folder), "--runtime", "onnxruntime", "--device", "cpu"]
    arguments += ["--rounds", "1", "--frames", "1", "--warm-up", "0", "--out", str(out)]
    output_of(*arguments)
    methods = json.loads(out.read_text())["bench"]["methods"]
    engines = [(Path(method["configuration"]["model"]).name, method["configuration"]["runtime"]) for method in methods]
    assert engines == [
        ("tiny", "onnxruntime"),
        ("tiny", "plain-onnxruntime"),
        ("erfnet", "onnxruntime"),
    ]


def test_every_combination_of_sizes_and_threads_is_a_configuration(tiny_package: ModelPackage, tmp_path: Path) -> None:
    out = tmp_path / "grid.json"
    arguments = ["bench", "--model", str(tiny_package.folder), "--runtime", "onnxruntime", "--out", str(out)]
    arguments += ["--size", "64x128", "--size", "128x256", "--threads", "1", "--threads", "2"]
    arguments += ["--rounds", "1", "--frames", "1", "--warm-up", "0"]
    fishy(*arguments)
    methods = json.loads(out.read_text())["bench"]["methods"]
    found = [[method["configuration"][key] for key in ("height", "width", "threads")] for method in methods]
    assert found == [[64, 128, 1], [128, 256, 1], [64, 128, 2], [128, 256, 2]]
