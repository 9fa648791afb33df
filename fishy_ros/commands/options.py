"""Options that several subcommands share."""

from __future__ import annotations

from typing import Annotated

import typer

TrustedKey = Annotated[
    str, typer.Option(help="File of a public key; only model packages that it signed are loaded. Empty: any package.")
]
"""Goes with a default of the empty text."""
