"""`fishy build`: compile the TensorRT engines of a model, for this machine or for others."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from fishy_ros.commands.options import TrustedKey
from fishy_ros.model_package.finding import DEFAULT_MODEL

if TYPE_CHECKING:
    from fishy_ros.runtimes.tensorrt_runtime import TensorRtRuntime


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
    if name and model != DEFAULT_MODEL:
        raise ConfigError(f"two models: {name} and --model {model}; expected one of them")
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

    from fishy_ros.errors import ConfigError
    from fishy_ros.model_package import load_model_package
    from fishy_ros.runtimes import create_runtime
    from fishy_ros.runtimes.engine_cache import default_cache_folder
    from fishy_ros.runtimes.tensorrt_build import graphs_to_build

    package = load_model_package(model, trusted_key)
    shipped = {engine.path for engine in package.engines}
    for sized, precision in graphs_to_build(package, precisions or package.precisions):
        name = f"{package.name} {precision} {sized.input_height}x{sized.input_width}"
        start = time.monotonic()
        with _interruptible():
            runtime = cast("TensorRtRuntime", create_runtime("tensorrt", sized, device, precision))
        runtime.run()
        runtime.close()
        if runtime.engine_file is None:
            raise ConfigError(
                f"{default_cache_folder()}: the engine of {name} cannot be cached there, so that each start would "
                "build it again; free space, make the folder writable, or set XDG_CACHE_HOME to another one"
            )
        typer.echo(f"{name}: ready in {time.monotonic() - start:.1f} s ({runtime.info})")
        kind = "the shipped engine fits" if runtime.engine_file in shipped else "cached"
        typer.echo(f"  {kind}: {runtime.engine_file}")


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
    if out is not None and out.exists():
        raise ModelPackageError(f"{out}: the package cannot be copied there: it exists already")
    wanted = tuple(dict.fromkeys(parse_target(target) for target in targets)) or PORTABLE_TARGETS
    engines = []
    with _interruptible():
        for engine in compile_ahead(package, precisions or package.precisions, wanted):
            engines.append(engine)
            typer.echo(describe_engine(package, engine))
    if out is not None:
        try:
            shutil.copytree(package.folder, out)
        except OSError as error:
            raise ModelPackageError(f"{out}: the package cannot be copied there: {error.strerror or error}") from error
        package = load_model_package(out)
    entries = (dataclasses.replace(one.entry, path=package.folder / one.entry.path.name) for one in engines)
    package = add_engines(package, dict(zip(entries, (one.content for one in engines), strict=True)))
    if report is not None:
        write_layer_report(report, package, engines)
    if signature_path(package.folder / "model.yaml").exists():
        typer.echo(f"{package.folder}/model.yaml has changed: sign it again")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT end the process at once; KeyboardInterrupt is lost where it comes in a callback of TensorRT."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
