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


TrustedKey = Annotated[
    str,
    typer.Option(
        help="Public key file; only model packages signed with its private key are loaded. Default: no check."
    ),
]
"""Goes with a default of the empty text."""
