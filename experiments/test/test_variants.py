"""Every variant and every second network trains two steps from its own file, and its heads score and export."""

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import typer
import yaml
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from training.street import run_commands, write_street  # noqa: E402

from experiments.synboost_timing import synboost_timing  # noqa: E402
from fishy_ros.commands import calibrate, evaluate, train  # noqa: E402
from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.checkpoint import load_model, save_weights  # noqa: E402
from fishy_ros.training.config import load_train_config  # noqa: E402
from fishy_ros.training.graph import DeployedModel, ScoreScale, export_graph  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel, initialise  # noqa: E402
from fishy_ros.training.heads.registry import HEADS, create_head  # noqa: E402
from fishy_ros.training.heads.spec import Statistics  # noqa: E402
from fishy_ros.training.nets.network import VARIANTS  # noqa: E402
from fishy_ros.training.second_networks import TASKS  # noqa: E402
from fishy_ros.training.statistics import load_statistics  # noqa: E402

FOLDER = Path(__file__).parents[1]
FILES = sorted(path.stem for path in (FOLDER / "variants").glob("*.yaml") if path.stem != "fine_tuning")
SECOND = ("autoencoder", "resynthesis", "resynthesis_network", "synboost")
SIZE = ("--height", "64", "--width", "128")


def call(*arguments) -> str:
    return run_commands((train, evaluate, calibrate), arguments)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    return write_street(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of `s`, from which the variants start."""
    model = AnomalyModel("s")
    initialise(model, 3)
    path = tmp_path_factory.mktemp("weights") / "s.safetensors"
    save_weights(path, model, 0)
    return path


def small(street: Path, path: Path, out: Path) -> Path:
    """Write a configuration that is a file of ours with the data of a tiny street, and two steps long."""
    tiny = yaml.safe_load(street.read_text())
    coco_only = load_train_config(path).bank.objects == ()
    bank = {**tiny["bank"], "distractor_images": None, "distractor_labels": None}
    changed = {
        "base": str(path),
        **{key: tiny[key] for key in ("data", "cache", "sources")},
        "bank": {**bank, "objects": [], "erode": []} if coco_only else bank,
        "epoch_crops": 4,
        "stages": [{"epochs": 1, "height": 64, "width": 128, "batch": 2}],
        "augment": {"reference_width": 192},
        "validation": {
            "every": 0,
            "height": 64,
            "width": 128,
            "anomalies": ["watched"],
            "segmentation": [],
            "pasted": None,
        },
    }
    written = out / "small.yaml"
    written.write_text(yaml.safe_dump(changed))
    return written


@pytest.mark.parametrize("name", FILES)
def test_two_steps_of_a_variant_train_score_and_export(name, street, weights, tmp_path):
    config = small(street, FOLDER / f"variants/{name}.yaml", tmp_path)
    arguments = () if name == "no_outliers" else ("--weights", weights)
    call("train", config, "--out", tmp_path, *arguments)
    model = load_model(tmp_path / "weights.safetensors")
    variant = model.net.variant
    heads = [head for head, spec in HEADS.items() if variant and spec.variant == variant] or ["dissimilarity"]
    heads = [head for head in heads if not HEADS[head].measures]
    for head in heads:
        options = (*SIZE, "--rounds", 0, "--head", head, "--out", tmp_path / "result.json")
        assert head in call("evaluate", config, tmp_path / "weights.safetensors", *options)
        assert json.loads((tmp_path / "result.json").read_text())["heads"]["training"] == name
        if HEADS[head].in_graph:
            deployed = DeployedModel(model, create_head(head, model, Statistics()), ScoreScale(0.0, 1.0))
            export_graph(deployed, 64, 128, tmp_path / "model.onnx")
            session = ort.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
            score = session.run(["score"], {"image": np.zeros((1, 64, 128, 3), np.uint8)})[0]
            assert score.shape == (1, 32, 64)
            assert np.isfinite(score).all()


def test_every_variant_of_a_network_has_a_file():
    sizes = {load_train_config(FOLDER / f"variants/{name}.yaml").size for name in FILES}
    assert {f"s_{variant}" for variant in VARIANTS} <= sizes


def test_second_networks_train_and_their_heads_score(street, weights, tmp_path):
    for name in SECOND:
        config = small(street, FOLDER / f"second_networks/{name}.yaml", tmp_path)
        call("train", config, "--weights", weights, "--out", tmp_path)
    path = tmp_path / "statistics.safetensors"
    assert {name.partition(".")[0] for name in load_statistics(path)} == set(SECOND)
    heads = [word for name in (*SECOND[:-1], "synboost_network") for word in ("--head", name)]
    options = (*SIZE, "--rounds", 0, "--statistics", path, "--out", tmp_path / "result.json")
    printed = call("evaluate", config, weights, *heads, *options)
    assert "synboost_network" in printed
    assert "resynthesis_network" in printed
    calibration = ("--head", "synboost_network", "--statistics", path, "--images", 2, "--out", tmp_path / "calibrated")
    assert "of normal pixels" in call("calibrate", config, weights, *SIZE, *calibration)
    app = typer.Typer()
    app.command()(synboost_timing)
    result = CliRunner().invoke(app, [str(weights), str(path), "--runs", "1", "--height", "64", "--width", "128"])
    lines = [line.split() for line in result.output.splitlines()]
    assert [line[0] for line in lines] == ["segmentation", "synthesis", "dispersion", "dissimilarity"]
    assert all(float(line[1]) > 0 for line in lines)


def test_second_networks_name_what_they_miss(street, weights, tmp_path):
    config = small(street, FOLDER / "second_networks/synboost.yaml", tmp_path)
    with pytest.raises(ConfigError, match="'synboost' reads a trained network; name its weights"):
        call("train", config, "--out", tmp_path)
    with pytest.raises(ConfigError, match="hold no 'resynthesis'"):
        call("train", config, "--weights", weights, "--out", tmp_path)
    assert {load_train_config(path).task for path in (FOLDER / "second_networks").glob("*.yaml")} == set(TASKS)
