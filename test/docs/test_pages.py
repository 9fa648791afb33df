"""The pages that users read: their examples run, their commands exist, their links lead somewhere."""

from __future__ import annotations

import doctest
import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from support.sources import ROOT, load_script

from fishy_ros.commands.cli import build_app

README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
"""What is kept up to date; decision records and the changelog speak of their time."""
COMMAND = re.compile(r"(?:^ *|`|&& |ros2 run fishy_ros )(fishy [^`\n]*)", re.MULTILINE)
QUOTED = re.compile(r"<!-- (\w+): written by .*?<!-- end of \1 -->", re.DOTALL)
"""Results with the commands that made them, which may be of an earlier release."""
LAUNCH = re.compile(r"ros2 launch fishy_ros (\w+\.launch\.py)([^\n`]*)")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def named(page: Path) -> str:
    """Name a page in the report of a test."""
    return str(page.relative_to(ROOT))


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield (page, words) of every command line of `fishy`."""
    for page in PAGES:
        text = QUOTED.sub("", page.read_text(encoding="utf-8"))
        for line in COMMAND.findall(text):
            yield named(page), shlex.split(line.removesuffix("..."), comments=True)[1:]


@functools.cache
def fishy() -> Any:
    """Build the command line, once; newer releases of typer bring a click of their own."""
    return typer.main.get_command(build_app())


def refusal(words: list[str]) -> str:
    """Say why `fishy WORDS` would be refused: an unknown command or option; empty where it would not."""
    command = fishy()
    while words and not words[0].startswith("-") and hasattr(command, "commands"):
        found = command.commands.get(words[0])
        if found is None:
            return f"{command.name} has no command {words[0]!r}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in {*known, "--help"}]
    return f"{command.name} has no option {', '.join(unknown)}" if unknown else ""


def test_the_readme_is_short_enough_for_the_first_twenty_minutes() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_examples_give_what_the_page_says(page: Path) -> None:
    examples = doctest.DocTestParser().get_doctest(page.read_text(encoding="utf-8"), {}, page.name, str(page), 0)
    reports: list[str] = []
    doctest.DocTestRunner().run(examples, out=reports.append)
    assert not reports, "".join(reports)


def test_every_command_line_would_be_accepted() -> None:
    lines = list(commands())
    assert len(lines) > 50
    refused = [f"{page}: fishy {' '.join(words)}: {why}" for page, words in lines if (why := refusal(words))]
    assert not refused, "\n".join(refused)


def test_a_command_line_that_does_not_exist_is_noticed() -> None:
    assert refusal(["fry"]) == "fishy has no command 'fry'"
    assert refusal(["score", "--maps", "x"]) == "score has no option --maps"
    assert refusal(["bench", "roofline", "--gflops", "1", "--bandwidth=2"]) == ""


def test_every_launch_argument_exists() -> None:
    uses = [(named(page), *found) for page in PAGES for found in LAUNCH.findall(page.read_text(encoding="utf-8"))]
    assert uses
    for page, launch_file, arguments in uses:
        declared = (ROOT / "launch" / launch_file).read_text(encoding="utf-8")
        for argument in re.findall(r"(\w+):=", arguments):
            assert f'"{argument}"' in declared, f"{page}: {launch_file} has no argument {argument}"


def test_every_parameter_that_is_set_exists() -> None:
    declared = (ROOT / "config" / "detector.yaml").read_text(encoding="utf-8")
    for page in PAGES:
        for name in re.findall(r"ros2 param set /detector (\w+)", page.read_text(encoding="utf-8")):
            assert re.search(rf"^    {name}:", declared, re.MULTILINE), f"{named(page)}: no parameter {name}"


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs" / "decisions").glob("*.md"))], ids=named)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_every_extra_that_can_be_installed_is_explained() -> None:
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    extras = re.findall(r'^    "(\w+)": (?:\[|EVAL)', setup[setup.index("EXTRAS") :], re.MULTILINE)
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "quick-start.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(extras) > 5
    assert set(extras) == set(table)


def test_the_site_lists_every_decision_once_and_in_order() -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: the hooks of the site cannot be imported")
    hooks = load_script(ROOT / "docs" / "site_hooks.py")
    numbers = [int(row.split("|")[1]) for row in hooks.list_records().splitlines()[2:]]
    assert numbers == list(range(1, len(list((ROOT / "docs" / "decisions").glob("0*.md"))) + 1))
