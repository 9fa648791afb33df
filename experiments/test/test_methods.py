"""The commands that make the table of methods."""

import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

import typer
from training.street import write_street
from typer.testing import CliRunner

from experiments.methods import CONFIG, LANES, Group, methods
from fishy_ros.training.checkpoint import save_weights
from fishy_ros.training.config import load_train_config
from fishy_ros.training.heads.model import AnomalyModel, initialise
from fishy_ros.training.heads.registry import MEASURES, measures_of
from fishy_ros.training.methods.catalogue import METHODS, NETWORK


def test_every_method_of_a_plain_network_is_measured_once():
    heads = [head for lane in LANES for group in lane for head in group.heads]
    assert sorted(heads) == sorted(method.head for method in METHODS if method.needs != NETWORK)
    for lane in LANES:
        for group in lane:
            assert group.fitted == any(MEASURES[name].pasted for name in measures_of(group.heads))


def test_commands_are_printed_and_the_configuration_is_read(tmp_path):
    app = typer.Typer()
    app.command()(methods)
    result = CliRunner().invoke(app, ["w.safetensors", "--out", str(tmp_path / "t"), "--quick", "--dry-run"])
    assert result.exit_code == 0, result.output
    commands = [shlex.split(line) for line in result.output.splitlines()]
    assert [command[1] for command in commands] == ["evaluate", "evaluate", "table"]
    assert "--objects" not in commands[0]
    assert "dissimilarity" in commands[0]
    result = CliRunner().invoke(app, ["w.safetensors", "--out", str(tmp_path / "t"), "--no-outliers", "--dry-run"])
    assert "--no-outliers" in result.output
    assert "msp" in result.output
    assert "dissimilarity" not in result.output
    watched = load_train_config(Path(CONFIG)).validation
    assert watched.only(["fs_static_dev"]).anomalies == ("eval/fs_static_dev",)
    assert watched.only(["fs_static_dev"]).generated is None
    assert watched.only(["generated"]).generated == watched.generated


def test_a_table_is_made_and_what_was_measured_is_not_measured_again(tmp_path, monkeypatch):
    model = AnomalyModel("s")
    initialise(model, 3)
    save_weights(tmp_path / "s.safetensors", model, 0)
    monkeypatch.setattr("experiments.methods.CONFIG", str(write_street(tmp_path / "street")))
    lanes = ((Group("logits", ("msp",)),), (Group("features", ("mahalanobis",)),))
    monkeypatch.setattr("experiments.methods.LANES", lanes)
    app = typer.Typer()
    app.command()(methods)
    places = ["--out", str(tmp_path / "table"), "--runs", str(tmp_path / "runs")]
    arguments = [str(tmp_path / "s.safetensors"), *places, "--images", "2", "--rounds", "0"]
    first, second = (CliRunner().invoke(app, arguments).output for _ in range(2))
    assert first.count(" min: fishy evaluate") == 2
    assert second.count(" min: fishy evaluate") == 0
    rows = [line for line in (tmp_path / "table.md").read_text().splitlines() if "`msp`" in line or "`mahal" in line]
    assert len(rows) == 2
    assert not any("not measured" in row for row in rows)
