"""`fishy pack` and `fishy unpack`: carry training data to another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import DataRoot, check_output_folder


def pack(
    config: Annotated[Path, typer.Argument(help="Training configuration whose data to pack.")],
    out: Annotated[Path, typer.Argument(help="Folder for the shards and their index.")],
    data: DataRoot = None,
    validation: Annotated[bool, typer.Option("--validation", help="Pack the sets that are watched, too.")] = False,
    shard_mib: Annotated[float, typer.Option(help="Largest size of a shard in MiB.", min=0.001, max=4096)] = 60,
) -> None:
    """Pack the files that a training reads into shards with a SHA-256 each, such as for a machine with a GPU."""
    check_output_folder(out)
    from rich.progress import Progress

    from fishy_ros.training.config import load_train_config
    from fishy_ros.training.data_files import training_files, validation_files
    from fishy_ros.training.pack import MIB, pack_files

    settings = load_train_config(config, data)
    root = Path(settings.data)
    files = set(training_files(settings, root))
    if validation:
        files |= set(validation_files(settings, root))
    with Progress(transient=True) as bar:
        task = bar.add_task("packing", total=None)
        shards = pack_files(
            sorted(files), root, out, int(shard_mib * MIB), lambda name: bar.update(task, advance=1, description=name)
        )
    total = sum(shard.bytes for shard in shards)
    typer.echo(f"{out}: {len(files)} files in {len(shards)} shards, {total / MIB:.1f} MiB")


def unpack(
    packed: Annotated[Path, typer.Argument(help="Folder that `fishy pack` wrote.")],
    root: Annotated[Path, typer.Argument(help="Data root to make; pass it to `fishy train --data`.")],
) -> None:
    """Check the shards that `fishy pack` wrote and unpack them."""
    from fishy_ros.training.pack import unpack_files

    unpack_files(packed, root, typer.echo)
    typer.echo(f"{root}: complete")
