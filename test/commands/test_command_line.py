"""The command line as a whole: which libraries it works with."""

from __future__ import annotations

import pytest
from support.sources import ROOT

from fishy_ros.commands import cli


def test_the_oldest_libraries_are_those_that_the_package_asks_for():
    requirements = (ROOT / "setup.py").read_text()
    for name, (major, minor) in cli.LIBRARIES.items():
        assert f'"{name}>={major}.{minor}"' in requirements


def test_a_library_that_is_too_old_is_named_with_the_cure(monkeypatch, capsys):
    monkeypatch.setattr(cli, "LIBRARIES", {"rich": (12, 3), "typer": (99, 0)})
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "is too old for the command line: python3 -m pip install 'rich>=12.3' 'typer>=99.0'" in said
