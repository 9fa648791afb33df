"""Commands with a trusted key run only packages that this key signed."""

from __future__ import annotations

import importlib.util
import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from fishy_ros.commands.cli import build_app
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.replay.detector_process import detector_command
from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions, ReplayRequest
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.model_package import create_keys, sign_description

pytest.importorskip("cryptography", reason="needs cryptography")

STREET = ("--dataset", "synthetic", "--option", "frames=2", "--option", "height=64", "--option", "width=128")


@pytest.fixture
def fishy():
    app = build_app()
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def keys(tmp_path):
    create_keys(tmp_path / "fleet.key", tmp_path / "fleet.pub")
    return tmp_path / "fleet.key", tmp_path / "fleet.pub"


def commands(model, key, out):
    """Return each command line that loads `model` and trusts `key`."""
    (out / "street").mkdir()
    cv2.imwrite(str(out / "street" / "0.png"), np.zeros((64, 128, 3), np.uint8))
    own = ("--runtime", "onnxruntime", "--trusted-key", str(key))
    found = {
        "replay": ("replay", *STREET, "--offline", "--model", str(model), *own, "--out", str(out / "replay")),
        "sweep": ("sweep", "--dataset", "synthetic", "--models", str(model), *own, "--out", str(out / "sweep")),
        "drift": ("drift", "street", "--root", str(out), "--model", str(model), *own, "--out", str(out / "drift.json")),
        "build": ("build", str(model), "--trusted-key", str(key)),
    }
    if importlib.util.find_spec("rclpy") is not None:
        found["soak"] = (
            "soak",
            "--height",
            "64",
            "--hours",
            "0.003",
            "--model",
            str(model),
            *own,
            "--out",
            str(out / "soak"),
        )
    return found


def test_every_command_refuses_a_package_that_the_key_has_not_signed(fishy, tiny_folder, keys, tmp_path):
    for name, words in commands(tiny_folder, keys[1], tmp_path).items():
        result = fishy(*words)
        assert result.exit_code != 0, name
        assert "not signed" in f"{result.output} {result.exception}", name


def test_a_signed_package_is_replayed(fishy, tiny_folder, keys, tmp_path):
    sign_description(tiny_folder / "model.yaml", keys[0])
    result = fishy(*commands(tiny_folder, keys[1], tmp_path)["replay"])
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "replay" / "report.json").read_text())
    assert report["model"]["name"] == "tiny"


def test_a_node_that_is_started_gets_the_key():
    words = detector_command(DetectorChoice("fishy-s", trusted_key="/fleet.pub"))
    assert words[words.index("trusted_key:=/fleet.pub") - 1] == "-p"
    assert not any("trusted_key" in word for word in detector_command(DetectorChoice("fishy-s")))


def test_a_node_that_runs_already_cannot_be_given_a_key(keys):
    with pytest.raises(ConfigError, match="/detector loads its model itself"):
        ReplayRequest(
            SourceChoice(dataset="synthetic"), DetectorChoice(trusted_key=str(keys[1])), LiveOptions(attach="/detector")
        )
