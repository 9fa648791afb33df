"""The `fishy` command: one file of `fishy_ros.commands` a subcommand."""

from __future__ import annotations

import importlib
import re
import sys
from importlib import metadata

import typer
from rich.console import Console

from fishy_ros.deprecated_names import with_current_arguments
from fishy_ros.errors import ConfigError, FishyError
from fishy_ros.terminal import printable

COMMANDS: tuple[str, ...] = (
    "detect",
    "demo",
    "replay",
    "score",
    "compare",
    "bag",
    "datasets",
    "sweep",
    "bench",
    "soak",
    "models",
    "signature",
    "pack",
    "train",
    "average",
    "evaluate",
    "table",
    "ablate",
    "calibrate",
    "export",
    "convert",
    "baseline",
    "drift",
    "build",
)
"""Subcommands; each module `fishy_ros.commands.NAME` has a `register(app)` that adds it."""
LIBRARIES: dict[str, tuple[int, int]] = {"matplotlib": (3, 7), "rich": (12, 3), "typer": (0, 13)}
"""Libraries of the command line, and the oldest versions that will do; Ubuntu 22.04 and 24.04 have older ones."""
KEPT: str = "'numpy<2'"
"""What to install with them: the extensions of ROS 2 Humble and Jazzy are built for NumPy 1."""


def build_app() -> typer.Typer:
    """Build the command line with every subcommand registered.

    Raises:
        ConfigError: a library is too old.
    """
    _check_libraries()
    app = typer.Typer(
        name="fishy",
        help="Detect what a driving network has never seen: run, replay, score, train.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name in COMMANDS:
        importlib.import_module(f"fishy_ros.commands.{name}").register(app)
    return app


def _check_libraries() -> None:
    for name, least in LIBRARIES.items():
        found = metadata.version(name)
        if tuple(int(number) for number in re.findall(r"\d+", found)[:2]) < least:
            wanted = " ".join(f"'{name}>={major}.{minor}'" for name, (major, minor) in LIBRARIES.items())
            raise ConfigError(f"{name} {found} is too old for the command line: python3 -m pip install {wanted} {KEPT}")


def main() -> None:
    """Run the command line; an expected error ends it with one line and exit status 2."""
    try:
        build_app()(with_current_arguments(sys.argv[1:]))
    except FishyError as error:
        Console(stderr=True).print(f"fishy: {printable(str(error))}", style="red", markup=False, highlight=False)
        sys.exit(2)


if __name__ == "__main__":
    main()
