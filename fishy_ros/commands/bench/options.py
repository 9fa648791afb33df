"""Options that several benchmarks share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import checked_output
from fishy_ros.errors import ConfigError

Rounds = Annotated[int, typer.Option(help="Number of rounds; every configuration runs once per round.", min=1)]
Frames = Annotated[int, typer.Option(help="Frames per configuration and round.", min=1)]
WarmUp = Annotated[int, typer.Option(help="Warm-up frames, not measured.", min=0)]
Out = Annotated[
    Path | None, typer.Option(help="JSON file to write; the plot is written next to it.", callback=checked_output)
]
Runtimes = Annotated[
    list[str] | None, typer.Option(help="Inference runtime; auto picks the fastest that works; repeatable.")
]
Precisions = Annotated[list[str] | None, typer.Option(help="fp32, or another precision of the package; repeatable.")]
Size = Annotated[str, typer.Option(help="Camera image size, HEIGHTxWIDTH.")]
CAMERA_SIZE = "1024x2048"


def parse_size(text: str) -> tuple[int, int]:
    """Read HEIGHTxWIDTH.

    Raises:
        ConfigError: it is none.
    """
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"size {text!r}: expected HEIGHTxWIDTH, such as 1024x2048")
    return int(height), int(width)
