"""The `fishy` command: one file of `fishy_ros.commands` a subcommand."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from fishy_ros.deprecated_names import with_current_arguments
from fishy_ros.errors import FishyError
from fishy_ros.evaluation.libraries import check_libraries
from fishy_ros.terminal import printable

if TYPE_CHECKING:
    import typer

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
    "ablate",
    "calibrate",
    "export",
    "convert",
    "baseline",
    "drift",
    "build",
)
"""Subcommands; each module `fishy_ros.commands.NAME` has a `register(app)` that adds it."""


def build_app() -> typer.Typer:
    """Build the command line with every subcommand registered.

    Raises:
        ConfigError: a library is missing or too old.
    """
    check_libraries()
    import typer

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


def main() -> None:
    """Run the command line; an expected error ends it with one line and exit status 2."""
    try:
        build_app()(with_current_arguments(sys.argv[1:]))
    except FishyError as error:
        print(f"fishy: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
