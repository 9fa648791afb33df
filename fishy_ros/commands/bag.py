"""`fishy bag`: write a dataset as a rosbag2 bag with ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fishy_ros.commands.options import DatasetOptions, DatasetRoot

if TYPE_CHECKING:
    from fishy_ros.bags import BagWriter
    from fishy_ros.datasets.base import Dataset

FIRST_STAMP_NS = 1_700_000_000_000_000_000
"""Stamp of the first frame; fixed, so that the same frames always give the same bag."""


def bag(
    out: Annotated[Path, typer.Option(help="Folder to create for the bag.")],
    dataset: Annotated[str, typer.Option(help="Dataset; `fishy datasets` lists them.")] = "synthetic",
    root: DatasetRoot = None,
    option: DatasetOptions = None,
    frames: Annotated[int | None, typer.Option(help="Stop after this many frames.", min=1)] = None,
    seed: Annotated[
        int | None, typer.Option(help="Random seed of the synthetic street and of --overlay.", min=0)
    ] = None,
    height: Annotated[int | None, typer.Option(help="Height of a synthetic street in px.")] = None,
    width: Annotated[int | None, typer.Option(help="Width of a synthetic street in px.")] = None,
    rate: Annotated[float, typer.Option(help="Frame rate in Hz.")] = 10.0,
    storage: Annotated[str, typer.Option(help="mcap or sqlite3.")] = "mcap",
    image_format: Annotated[str, typer.Option(help="raw, png or jpeg.")] = "raw",
    jpeg_quality: Annotated[int, typer.Option(help="Quality of JPEG images, 1 to 100.")] = 95,
    compression: Annotated[str, typer.Option(help="Compression of the bag: none or zstd.")] = "none",
    overlay: Annotated[
        Path | None, typer.Option(help="Paste objects of this folder (RGBA pictures, or VOC2012) as anomalies.")
    ] = None,
    overlay_split: Annotated[str, typer.Option(help="With --overlay: train, validation or all objects.")] = "all",
    distractors: Annotated[
        Path | None, typer.Option(help="With --overlay, for a dataset without classes: object crops of normal things.")
    ] = None,
    horizon: Annotated[float, typer.Option(help="With --overlay: row of the horizon, share of the height.")] = 0.44,
) -> None:
    """Write a dataset as a rosbag2 bag.

    Topics: /camera/image_raw (or /camera/image_raw/compressed), /camera/camera_info and /ground_truth/labels.
    """
    from fishy_ros.bags import BagWriter
    from fishy_ros.datasets.overlay import OverlayDataset
    from fishy_ros.datasets.overlay_settings import OverlaySettings
    from fishy_ros.datasets.registry import dataset_info, dataset_options, open_dataset
    from fishy_ros.datasets.synthetic import SyntheticStreet
    from fishy_ros.errors import ConfigError
    from fishy_ros.evaluation.sources.open_source import parse_options

    if not 1e-3 <= rate <= 1e4:
        raise ConfigError(f"rate is {rate} Hz, expected 0.001 to 10000")
    known = dataset_options(dataset_info(dataset))
    given = {
        "height": height,
        "width": width,
        "frames": frames if "frames" in known else None,
        "seed": seed if overlay is None or "seed" in known else None,
        **dict(parse_options(option or [])),
    }
    source: Dataset = open_dataset(dataset, root, **given)
    intrinsics = source.intrinsics if isinstance(source, SyntheticStreet) else None
    if overlay is not None:
        settings = OverlaySettings(horizon=horizon)
        source = OverlayDataset(source, overlay, distractors, seed or 0, settings, overlay_split)
    elif distractors is not None:
        raise ConfigError("--distractors needs --overlay")
    count = len(source) if frames is None else min(frames, len(source))
    with BagWriter(out, storage, image_format, compression, intrinsics, jpeg_quality=jpeg_quality) as writer:
        written, labelled = _write(source, count, writer, round(1e9 / rate))
    size = sum(file.stat().st_size for file in out.iterdir())
    typer.echo(
        f"{out}: {written} frames ({labelled} with labels), {count / rate:.1f} s, {size / 1e6:.1f} MB, {storage}"
    )


def _write(source: Dataset, count: int, writer: BagWriter, period_ns: int) -> tuple[int, int]:
    """Write the frames that can be read; returns how many these are, and how many of them have labels."""
    from rich.console import Console
    from rich.progress import track

    from fishy_ros.errors import UnreadableFileError
    from fishy_ros.terminal import printable

    written = labelled = 0
    for index in track(range(count), "writing", console=Console(stderr=True), transient=True):
        try:
            sample = source[index]
        except UnreadableFileError as error:
            typer.echo(f"frame {index} was left out: {printable(str(error))}", err=True)
            continue
        writer.write(sample, FIRST_STAMP_NS + index * period_ns)
        written += 1
        labelled += sample.labels is not None
    return written, labelled
