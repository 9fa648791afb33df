"""The command `fishy`, run in the process of the test."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner

from fishy_ros.commands.cli import build_app


def fishy(*words: object) -> Any:
    """Run `fishy WORDS` and return typer's result; what the command raises, the test can catch."""
    return CliRunner().invoke(build_app(), [str(word) for word in words], catch_exceptions=False)


def output_of(*words: object) -> str:
    """Return what `fishy WORDS` says, and hold that it succeeds."""
    result = fishy(*words)
    assert result.exit_code == 0, result.output
    return result.output
