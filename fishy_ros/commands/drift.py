"""`fishy drift`: how often the drift monitor would warn of images, as they are and corrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import Model, Runtime, Threads, TrustedKey, check_output
from fishy_ros.model_package.finding import DEFAULT_MODEL


def drift(
    folder: Annotated[
        list[Path], typer.Argument(help="Folders with consecutive images, for example of your own camera.")
    ],
    model: Model = DEFAULT_MODEL,
    trusted_key: TrustedKey = "",
    root: Annotated[Path, typer.Option(help="Folder that relative FOLDER arguments start from.")] = Path(),
    images: Annotated[
        int, typer.Option(help="Number of consecutive images per folder, taken from its middle.", min=1)
    ] = 30,
    runtime: Runtime = "auto",
    threads: Threads = 0,
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("out/drift.json"),
) -> None:
    """Count how often the drift monitor warns, on normal images and on corrupted ones (dark, foggy, muddy, ...)."""
    check_output(out)
    import dataclasses

    from rich.console import Console
    from rich.progress import Progress

    from fishy_ros.evaluation.drift_study import CONDITIONS, choose_images, drift_table, measure_drift
    from fishy_ros.evaluation.environment import describe_environment
    from fishy_ros.evaluation.replay.request import DetectorChoice

    chosen = {str(part): choose_images(root / part, images) for part in folder}
    console = Console()
    with (
        DetectorChoice(model, runtime, threads=threads, trusted_key=trusted_key).open() as detector,
        Progress(console=console) as bar,
    ):
        total = sum(map(len, chosen.values())) * len(CONDITIONS)
        task = bar.add_task("looking at images", total=total)
        environment = dataclasses.asdict(describe_environment())
        result = measure_drift(detector, chosen, environment, lambda: bar.advance(task))
    result.write(out)
    console.print(drift_table(result))
    typer.echo(str(out))
