"""Options that several subcommands share."""

from __future__ import annotations

from typing import Annotated

import typer

TrustedKey = Annotated[
    str,
    typer.Option(
        help="Public key file; only model packages signed with its private key are loaded. Default: no check."
    ),
]
"""Goes with a default of the empty text."""
