"""`fishy signature`: keys, signing model packages, and checking who signed one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

signature = typer.Typer(help="Create keys, sign model packages and verify signatures.", no_args_is_help=True)


@signature.command()
def keygen(
    name: Annotated[Path, typer.Argument(help="Write NAME.key (keep it secret) and NAME.pub (hand it out).")],
) -> None:
    """Create an Ed25519 key pair."""
    from fishy_ros.model_package import create_keys, fingerprint

    private, public = name.with_name(f"{name.name}.key"), name.with_name(f"{name.name}.pub")
    create_keys(private, public)
    typer.echo(f"{private}: private key; keep it secret, whoever has it can sign")
    typer.echo(f"{public}: public key {fingerprint(public)}; hand it out to verify signatures")


@signature.command()
def sign(
    model: Annotated[str, typer.Argument(help="Model package: a name or a path.")],
    key: Annotated[Path, typer.Option(help="Private key.")],
) -> None:
    """Sign a model package, after checking the hashes of its graphs and engines."""
    from fishy_ros.model_package import load_model_package, sign_description
    from fishy_ros.model_package.description import DESCRIPTION_FILE

    package = load_model_package(model)
    package.check_files()
    typer.echo(f"{sign_description(package.folder / DESCRIPTION_FILE, key)}: written")


@signature.command()
def verify(
    model: Annotated[str, typer.Argument(help="Model package: a name or a path.")],
    key: Annotated[Path, typer.Option(help="Public key of the signer.")],
) -> None:
    """Verify the signature of a model package and the hashes of its graphs and engines."""
    from fishy_ros.model_package import fingerprint, load_model_package

    package = load_model_package(model, trusted_key=key)
    package.check_files()
    typer.echo(f"{package.folder}: {package.name} {package.version}, signed by {key} ({fingerprint(key)})")
