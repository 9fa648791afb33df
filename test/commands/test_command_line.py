"""The command line as a whole: which libraries it works with, and what it says where they are missing."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
import typer
from support.sources import ROOT

from fishy_ros.commands import cli
from fishy_ros.evaluation import libraries

WITHOUT_RICH = """
import sys
from importlib import metadata
version = metadata.version
def without(name):
    if name == "rich":
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = without
sys.modules["rich"] = sys.modules["typer"] = sys.modules["rosbags"] = None
from {module} import main
main()
"""
"""Runs an entry point as if the extra `eval` were not installed."""


def test_the_oldest_libraries_are_those_that_the_extra_asks_for():
    requirements = (ROOT / "setup.py").read_text()
    for name, least in libraries.LIBRARIES.items():
        assert f'"{name}>={".".join(map(str, least))}"' in requirements


def test_a_library_that_is_too_old_is_named_with_the_cure(monkeypatch, capsys):
    monkeypatch.setattr(libraries, "LIBRARIES", {"rich": (12, 3), "typer": (99, 0)})
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said == (
        f"fishy: typer {metadata.version('typer')} is too old; fishy and the harness need the extra `eval`: "
        "python3 -m pip install 'rich>=12.3' 'typer>=99.0' 'numpy<2'\n"
    )


@pytest.mark.parametrize("module", ["fishy_ros.commands.cli", "fishy_ros.evaluation.live.replay_main"])
def test_without_the_extra_an_entry_point_says_in_one_line_what_to_install(module):
    script = WITHOUT_RICH.format(module=module)
    run = subprocess.run([sys.executable, "-c", script, "models"], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "rich is not installed; fishy and the harness need the extra `eval`: python3 -m pip install" in run.stderr


def test_every_command_and_every_option_explains_itself_in_sentences():
    unexplained = []
    waiting = list(typer.main.get_command(cli.build_app()).commands.values())
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        options = {f"{command.name} {item.opts[-1]}": item.help for item in command.params if item.name != "help"}
        texts = {command.name: command.help, **options}
        unexplained += [name for name, text in texts.items() if not (text or "").rstrip().endswith((".", ")"))]
    assert not unexplained
