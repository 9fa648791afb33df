"""What the documentation site adds to its pages while MkDocs builds them.

Pages link to files of the repository outside docs/ (tests, models, configuration), so that they can also be read
without the site. There such a link becomes one to the forge, or the plain name of the file where `repo_url` is not set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from fishy_ros.commands.cli import build_app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
RECORDS = "<!-- records: written by docs/site_hooks.py -->"
COMMANDS = "<!-- commands: written by docs/site_hooks.py -->"
INCLUDED = re.compile(r"^<!-- include: (\S+) -->$", re.MULTILINE)
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>\.\./[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the lists of decisions and commands and included files, and resolve links that leave docs/.

    Raises:
        PluginError: a link leads to a file that does not exist.
    """
    if RECORDS in markdown:
        markdown = markdown.replace(RECORDS, list_records())
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, list_commands())
    markdown = INCLUDED.sub(lambda found: include(found[1]), markdown)
    source = DOCS / page.file.src_uri

    def resolve(link: re.Match[str]) -> str:
        target = (source.parent / link["target"]).resolve()
        if target.is_relative_to(DOCS):
            return link[0]
        if not target.exists():
            raise PluginError(f"{page.file.src_uri}: the link to {link['target']} leads to no file of the repository")
        path = target.relative_to(ROOT).as_posix()
        if config.repo_url:
            return f"[{link['text']}]({config.repo_url.rstrip('/')}/blob/main/{path}{link['anchor'] or ''})"
        return f'<span title="{path}">{link["text"]}</span>'

    return LINK.sub(resolve, markdown)


def list_records() -> str:
    """List every decision record with its title, in order."""
    lines = []
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        number, _, title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(". ")
        lines.append(f"| {number} | [{title}]({path.name}) |")
    return "\n".join(("| | decision |", "| --- | --- |", *lines))


def list_commands() -> str:
    """Lay out every subcommand of `fishy` with its arguments and options, as its own help has them."""
    app: Any = typer.main.get_command(build_app())
    return "\n\n".join(
        section for name, command in app.commands.items() for section in describe(f"fishy {name}", command)
    )


def describe(name: str, command: Any) -> Iterator[str]:
    """Yield a section for a command, and one for each of its subcommands."""
    rows = [
        f"| {spelling(item)} | {(item.help or '').replace('|', '&#124;')} | {shown_default(item.default)} |"
        for item in command.params
        if item.name != "help"
    ]
    table = ["| | what | default |", "| --- | --- | --- |", *rows] if rows else []
    yield "\n".join((f"## {name}", "", command.help or "", "", *table))
    for child, subcommand in getattr(command, "commands", {}).items():
        yield from describe(f"{name} {child}", subcommand)


def spelling(item: Any) -> str:
    """Return how an option or an argument is typed."""
    options = (*item.opts, *item.secondary_opts)
    return ", ".join(f"`{option}`" for option in options) if options[0].startswith("-") else f"`{item.name.upper()}`"


def shown_default(default: Any) -> str:
    """Return a default as it is typed, empty where there is none to speak of."""
    return "" if default is None or default == "" or isinstance(default, (bool, tuple)) else f"`{default}`"


def include(name: str) -> str:
    """Return a file of the repository: Markdown with its links as seen from docs/, anything else as a code block."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if not name.endswith(".md"):
        return f"```{Path(name).suffix.removeprefix('.')}\n{text}```"
    text = re.sub(r"\]\(docs/", "](", text)
    return re.sub(r"\]\((?!https?:|#|mailto:|[\w-]+\.md|decisions/|results/|pictures/)", "](../", text)
