"""`fishy build`: compile the TensorRT engines of a model, for this machine or for others."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import TrustedKey
from fishy_ros.model_package.finding import DEFAULT_MODEL


class Destination(str, Enum):
    """Where the engines will run."""

    THIS = "this"
    RTX = "rtx"


def build(
    name: Annotated[str, typer.Argument(metavar="[MODEL]", help="Model package: a name or a path.")] = "",
    model: Annotated[str, typer.Option(help="Model package, as an option.")] = DEFAULT_MODEL,
    precision: Annotated[
        list[str] | None, typer.Option(help="Precision to build for; repeatable. Default: all.")
    ] = None,
    trusted_key: TrustedKey = "",
    device: Annotated[str, typer.Option(help="Device to build for: cuda, dla, cuda:N or dla:N.")] = "cuda",
    destination: Annotated[
        Destination,
        typer.Option(
            "--for",
            help="What to build for: this (the GPU of this machine) or rtx (GPUs elsewhere, with TensorRT for RTX).",
        ),
    ] = Destination.THIS,
    target: Annotated[
        list[str] | None,
        typer.Option(help="With --for rtx: compute capability such as sm86; repeatable. Default: 8.0 and later."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --for rtx: write a copy of the package here instead of changing it.")
    ] = None,
    layers: Annotated[
        Path | None, typer.Option(help="With --for rtx: JSON file to write the layers of the engines to.")
    ] = None,
) -> None:
    """Build the TensorRT engines of a model ahead of time.

    By default they go into the cache of this account. With --for rtx they go into the package, and no GPU is needed.
    """
    import logging

    from fishy_ros.errors import ConfigError

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if destination is Destination.RTX:
        if device != "cuda":
            raise ConfigError(f"device {device!r}: --for rtx builds for GPUs only")
        _build_into_package(name or model, precision, trusted_key, target or [], out, layers)
        return
    if target or out or layers:
        raise ConfigError("--target, --out and --layers: expected together with --for rtx only")
    _build_into_cache(name or model, precision, trusted_key, device)


def _build_into_cache(model: str, precisions: list[str] | None, trusted_key: str, device: str) -> None:
    import time

    from fishy_ros.model_package import load_model_package
    from fishy_ros.runtimes import create_runtime
    from fishy_ros.runtimes.engine_cache import default_cache_folder

    package = load_model_package(model, trusted_key)
    for precision in precisions or package.precisions:
        start = time.monotonic()
        runtime = create_runtime("tensorrt", package, device, precision)
        runtime.run()
        runtime.close()
        typer.echo(f"{package.name} {precision}: ready in {time.monotonic() - start:.1f} s ({runtime.info})")
    typer.echo(f"engines are in {default_cache_folder()}")


def _build_into_package(
    model: str,
    precisions: list[str] | None,
    trusted_key: str,
    targets: list[str],
    out: Path | None,
    report: Path | None,
) -> None:
    import shutil

    from fishy_ros.errors import ModelPackageError
    from fishy_ros.model_package import add_engines, load_model_package
    from fishy_ros.model_package.signing import signature_path
    from fishy_ros.runtimes.tensorrt_ahead import PORTABLE_TARGETS, compile_ahead
    from fishy_ros.runtimes.tensorrt_engine import parse_target
    from fishy_ros.runtimes.tensorrt_report import describe_engine, write_layer_report

    package = load_model_package(model, trusted_key)
    wanted = tuple(dict.fromkeys(parse_target(target) for target in targets)) or PORTABLE_TARGETS
    if out is not None:
        try:
            shutil.copytree(package.folder, out)
        except OSError as error:
            raise ModelPackageError(f"{out}: the package cannot be copied there: {error.strerror or error}") from error
        package = load_model_package(out)
    engines = []
    for engine in compile_ahead(package, precisions or package.precisions, wanted):
        engines.append(engine)
        typer.echo(describe_engine(package, engine))
    package = add_engines(package, {engine.entry: engine.content for engine in engines})
    if report is not None:
        write_layer_report(report, package, engines)
    if signature_path(package.folder / "model.yaml").exists():
        typer.echo(f"{package.folder}/model.yaml has changed: sign it again")
