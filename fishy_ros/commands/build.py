"""`fishy build`: compile the TensorRT engines of a model ahead of time."""

from __future__ import annotations

from typing import Annotated

import typer

from fishy_ros.commands.options import TrustedKey
from fishy_ros.model_package.finding import DEFAULT_MODEL


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("build")(build)


def build(
    model: Annotated[str, typer.Argument(help="Model package: a name or a path.")] = DEFAULT_MODEL,
    precision: Annotated[
        list[str] | None, typer.Option(help="Precision to build for; repeatable. Default: all.")
    ] = None,
    trusted_key: TrustedKey = "",
    device: Annotated[str, typer.Option(help="Device to build for: cuda, dla, cuda:N or dla:N.")] = "cuda",
) -> None:
    """Build and cache the TensorRT engines of a model ahead of time."""
    import logging
    import time

    from rich.console import Console

    from fishy_ros.model_package import load_model_package
    from fishy_ros.runtimes import create_runtime
    from fishy_ros.runtimes.engine_cache import default_cache_folder

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    console = Console()
    package = load_model_package(model, trusted_key)
    for name in precision or package.precisions:
        start = time.monotonic()
        runtime = create_runtime("tensorrt", package, device, name)
        runtime.run()
        runtime.close()
        console.print(f"{package.name} {name}: ready in {time.monotonic() - start:.1f} s ({runtime.info.device})")
    console.print(f"engines are in {default_cache_folder()}", highlight=False)
