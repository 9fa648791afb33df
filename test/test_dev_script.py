"""`./dev` before it has set anything up, in a clone that was moved, and with an environment of another Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from support.sources import ROOT

from fishy_ros.commands import demo


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with nothing but the script, in which no environment can be made."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    shutil.copy(ROOT / "dev", folder)
    return folder


def dev(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([clone / "dev", *arguments], cwd="/", capture_output=True, text=True, check=False)


def sourced(clone: Path, commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands in a shell that has read the functions of the script."""
    environment = {**os.environ, "PYTHON": sys.executable}
    script = f'. "{clone}/dev"; {commands}'
    return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)


def make_environment(clone: Path, is_ours: bool = True) -> Path:
    folder = clone / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    if is_ours:
        (folder / "stamps").touch()
    return folder


def test_an_unknown_command_is_named_and_the_known_ones_are_listed(clone):
    done = dev(clone, "dmeo")
    assert done.returncode == 2
    assert "unknown command 'dmeo'" in done.stderr
    assert "  demo " in done.stderr
    assert not done.stdout
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("arguments", [(), ("help",), ("--help",), ("-h",)])
def test_help_lists_every_command(clone, arguments):
    done = dev(clone, *arguments)
    assert done.returncode == 0
    known = re.findall(r"^    (\w+)\) ", (ROOT / "dev").read_text(), re.MULTILINE)
    listed = re.findall(r"^  (\w+) ", done.stdout.split("environment:")[0], re.MULTILINE)
    assert {*listed} == {*known} - {"none", "cpu"}


def test_help_of_the_demo_names_every_option_and_sets_nothing_up(clone):
    done = dev(clone, "demo", "--help")
    assert done.returncode == 0, done.stderr
    assert not (clone / ".venv").exists()
    app = typer.Typer()
    demo.register(app)
    command = typer.main.get_command(app)
    options = {name for parameter in command.params for name in parameter.opts} - {"--help"}
    options -= {"--install-completion", "--show-completion"}
    assert set(re.findall(r"^  (--[a-z-]+)", done.stdout, re.MULTILINE)) == options


@pytest.mark.parametrize("command", ["test", "lint", "build", "audit"])
def test_help_of_a_command_is_its_part_of_the_help_and_sets_nothing_up(clone, command):
    done = dev(clone, command, "--help")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^  ([a-z]+) ", done.stdout, re.MULTILINE) == [command]
    assert not (clone / ".venv").exists()


def test_an_environment_that_fits_is_kept(clone):
    kept = make_environment(clone) / "kept"
    kept.touch()
    done = sourced(clone, 'put_aside_unfit_environment "$PYTHON"')
    assert done.returncode == 0, done.stderr
    assert not done.stdout
    assert kept.exists()


def test_a_clone_that_is_reached_through_a_link_keeps_its_environment(clone, tmp_path):
    kept = make_environment(clone) / "kept"
    kept.touch()
    (tmp_path / "link").symlink_to(clone)
    sourced(tmp_path / "link", 'put_aside_unfit_environment "$PYTHON"')
    assert kept.exists()


def test_an_environment_of_a_clone_that_was_renamed_is_made_anew(clone):
    make_environment(clone)
    moved = clone.rename(clone.with_name("renamed"))
    done = sourced(moved, 'put_aside_unfit_environment "$PYTHON"')
    assert done.returncode == 0, done.stderr
    assert "it was made in another folder" in done.stdout
    assert not (moved / ".venv").exists()


@pytest.mark.parametrize("content", ["#!/bin/sh\necho Python 3.9.1\n", None], ids=["older", "gone"])
def test_an_environment_of_another_python_is_made_anew(clone, content):
    python = make_environment(clone) / "bin/python"
    python.unlink()
    if content is None:
        python.symlink_to("/no/such/python")
    else:
        python.write_text(content)
        python.chmod(0o755)
    done = sourced(clone, 'put_aside_unfit_environment "$PYTHON"')
    assert done.returncode == 0, done.stderr
    assert "it is of another Python than" in done.stdout
    assert not (clone / ".venv").exists()


def test_an_environment_that_somebody_else_made_is_put_aside_and_not_removed(clone):
    folder = make_environment(clone, is_ours=False)
    (folder / "theirs").touch()
    moved = clone.rename(clone.with_name("renamed"))
    sourced(moved, 'put_aside_unfit_environment "$PYTHON"')
    assert (moved / ".venv.old/theirs").exists()
    assert not (moved / ".venv").exists()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((0, 0, 0), 0),
        ((1, 0, 0), 1),
        ((0, 1, 0), 1),
        ((0, 0, 1), 1),
        ((5, 0, 5), 0),
        ((0, 5, 5), 0),
        ((5, 5, 5), 5),
        ((5, 2, 5), 1),
    ],
)
def test_a_failure_of_any_part_of_the_tests_is_a_failure(clone, codes, expected):
    parallel, live, alone = codes
    cases = f'*"not live"*) return {parallel};; *"not alone"*) return {live};; *"and alone"*) return {alone};;'
    stand_in = f'python() {{ case "$*" in {cases} *) return 9;; esac; }}'
    assert sourced(clone, f"{stand_in}; pytest_in_three_parts").returncode == expected
