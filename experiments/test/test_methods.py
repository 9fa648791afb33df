"""The commands that make the table of methods."""

import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

import typer
from typer.testing import CliRunner

from experiments.methods import CONFIG, LANES, methods
from fishy_ros.training.config import load_train_config
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
    watched = load_train_config(Path(CONFIG)).validation
    assert watched.only(["fs_static_dev"]).anomalies == ("eval/fs_static_dev",)
    assert watched.only(["fs_static_dev"]).generated is None
    assert watched.only(["generated"]).generated == watched.generated
