"""Options that several subcommands share."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer


def check_output(path: Path) -> None:
    """Make sure, before hours of work, that the file `path` can be written; its folder is made if need be.

    Raises:
        OSError: it cannot.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def checked_output(path: Path | None) -> Path | None:
    """Check an optional file as `check_output` does; the callback of an option."""
    if path is not None:
        check_output(path)
    return path


def check_output_folder(folder: Path) -> None:
    """Make sure, before hours of work, that files can be written into `folder`, which is made if need be.

    Raises:
        OSError: they cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


Model = Annotated[str, typer.Option(help="Model package: a name or a path.")]
Runtime = Annotated[str, typer.Option(help="Inference runtime; auto picks the fastest that works.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda[:N], dla[:N] (Jetson) or gpu[:N] (Intel).")]
Precision = Annotated[str, typer.Option(help="fp32, or another precision of the package.")]
Threads = Annotated[int, typer.Option(help="Threads of a CPU runtime; 0 uses all cores.", min=0)]
DataRoot = Annotated[str | None, typer.Option(help="Data root, overriding the configuration.")]
NetworkHeight = Annotated[int, typer.Option(help="Height of the network input in px, a multiple of 32.")]
NetworkWidth = Annotated[int, typer.Option(help="Width of the network input in px, a multiple of 32.")]
Scores = Annotated[
    str | None, typer.Option(help="Comma-separated scores, such as msp,entropy; uses the packages MODEL-SCORE.")
]
DatasetRoot = Annotated[Path | None, typer.Option(help="Folder of the dataset.")]
DatasetOptions = Annotated[list[str] | None, typer.Option(help="Option of the dataset, KEY=VALUE; repeatable.")]
Smallest = Annotated[int, typer.Option(help="Smallest region to report, in px of the heatmap.", min=1)]
TrustedKey = Annotated[
    str,
    typer.Option(
        help="Public key file; only model packages signed with its private key are loaded. Default: no check."
    ),
]
"""Goes with a default of the empty text."""
