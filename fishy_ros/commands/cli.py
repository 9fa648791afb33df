"""The `fishy` command: one module of `fishy_ros.commands` a subcommand."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from fishy_ros.deprecated_names import with_current_arguments
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.libraries import check_libraries
from fishy_ros.failures import describe_failure
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
    "unpack",
    "train",
    "evaluate",
    "table",
    "calibrate",
    "export",
    "convert",
    "baseline",
    "drift",
    "build",
)
"""Subcommands; each is a function or a group of commands called NAME in the module `fishy_ros.commands.NAME`."""
_MODULES: dict[str, str] = {"unpack": "pack"}
"""Modules that are called otherwise than their subcommand."""


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
        module = importlib.import_module(f"fishy_ros.commands.{_MODULES.get(name, name)}")
        command = getattr(module, name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _refuse_what_moved(arguments: list[str]) -> None:
    """Say where a command went that is not installed any more.

    Raises:
        ConfigError: the command is one of them.
    """
    if arguments[:1] == ["ablate"]:
        raise ConfigError("`fishy ablate` is not installed any more; in a clone, run `python -m experiments.ablate`")


def main() -> None:
    """Run the command line; an error that a user can cure ends it with one line and exit status 2."""
    try:
        _refuse_what_moved(sys.argv[1:])
        build_app()(with_current_arguments(sys.argv[1:]))
    except KeyboardInterrupt:
        print("fishy: interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        reason = describe_failure(error)
        if reason is None:
            raise
        _tell(f"fishy: {printable(reason)}")
        sys.exit(2)


def _tell(line: str) -> None:
    """Write a line to standard error, in red on a terminal, whatever is installed."""
    is_red = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    print(f"\033[31m{line}\033[0m" if is_red else line, file=sys.stderr)


if __name__ == "__main__":
    main()
