"""`fishy datasets`: which datasets there are, where they come from, and fetching those with direct links."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fishy_ros.datasets.info import DatasetInfo, Download


datasets = typer.Typer(help="List or download datasets.")


@datasets.callback(invoke_without_command=True)
def list_datasets(
    context: typer.Context,
    root: Annotated[
        Path | None, typer.Option(help="Also count the frames found under this folder (or DIR/NAME).")
    ] = None,
) -> None:
    """List the datasets: options, license, where to get them, and the number of frames found under --root."""
    if context.invoked_subcommand is not None:
        return
    from fishy_ros.datasets.registry import DATASETS, dataset_options

    for info in DATASETS.values():
        options = ", ".join(dataset_options(info))
        typer.echo(f"{info.name}{_found(info, root)}")
        typer.echo(f"    {info.title}")
        typer.echo(f"    from     {info.source}{' (fishy datasets fetch)' if info.downloads else ''}")
        typer.echo(f"    license  {info.license}")
        if options:
            typer.echo(f"    options  {options}")


@datasets.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Dataset.")],
    root: Annotated[Path, typer.Option(help="Folder to download to; created if missing.")],
    unpack: Annotated[
        bool, typer.Option("--unpack/--keep-packed", help="Unpack the archives next to where they are stored.")
    ] = True,
) -> None:
    """Download the public files of a dataset and verify them; an interrupted download resumes."""
    from fishy_ros.datasets.archives import extract
    from fishy_ros.datasets.registry import DATASETS, dataset_info
    from fishy_ros.errors import DatasetError
    from fishy_ros.files import file_sha256

    info = dataset_info(name)
    if not info.downloads:
        fetchable = ", ".join(sorted(other.name for other in DATASETS.values() if other.downloads))
        raise DatasetError(
            f"dataset {name} has no public download link; get it from {info.source}. With link: {fetchable}"
        )
    for item in info.downloads:
        path = _download(item, root)
        checked = (
            "checksum correct" if item.sha256 or item.md5 else f"no published checksum, sha256 {file_sha256(path)}"
        )
        typer.echo(f"{path}: {path.stat().st_size} bytes, {checked}")
        if unpack and extract(path, root):
            typer.echo(f"{path}: unpacked to {root}")
    typer.echo(f"license: {info.license}\nsource: {info.source}{_found(info, root)}")


def _download(item: Download, root: Path) -> Path:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from fishy_ros.datasets.download import download

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(item.target, total=item.size)
        return download(item, root, lambda done, total: bar.update(task, completed=done, total=total))


def _found(info: DatasetInfo, root: Path | None) -> str:
    from fishy_ros.datasets.dataset_summary import count_frames

    if root is None or not info.needs_root:
        return ""
    summary = count_frames(info, root)
    return f": {summary.frames} frames in {summary.folder}" if summary.frames else f": none found ({summary.problem})"
