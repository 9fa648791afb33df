"""`fishy soak`: let the detector run for hours under random faults, and tell whether it kept its contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import Device, Model, Precision, Runtime, Threads, TrustedKey, check_output_folder
from fishy_ros.model_package.finding import DEFAULT_MODEL


def soak(
    hours: Annotated[float, typer.Option(help="Duration in hours; 0.0167 is one minute.")] = 1.0,
    rate: Annotated[float, typer.Option(help="Frame rate of the camera in Hz.")] = 5.0,
    fault_every: Annotated[float, typer.Option(help="Mean time between faults in seconds.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Random seed of the order, time and content of the faults.", min=0)] = 0,
    recovery: Annotated[float, typer.Option(help="Maximum time to recover from a fault, in seconds.")] = 1.0,
    height: Annotated[int, typer.Option(help="Image height in px; the width is twice that.")] = 256,
    model: Model = DEFAULT_MODEL,
    trusted_key: TrustedKey = "",
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "fp32",
    threads: Threads = 0,
    out: Annotated[Path, typer.Option(help="Folder for soak.json, soak.png and the node's log.")] = Path("out/soak"),
) -> None:
    """Run the detector for hours under random faults; exits with 1 if it broke its contract."""
    from fishy_ros.evaluation.live.run_replay import require_ros
    from fishy_ros.evaluation.replay.request import DetectorChoice
    from fishy_ros.evaluation.report.stage_progress import stage_progress
    from fishy_ros.evaluation.soak.soak_picture import write_soak_picture

    require_ros()
    from fishy_ros.evaluation.soak.run_soak import SoakRequest, run_soak

    choice = DetectorChoice(model, runtime, device, precision, threads, trusted_key)
    request = SoakRequest(hours * 3600, choice, rate, fault_every, seed, recovery, height)
    check_output_folder(out)
    with stage_progress() as progress:
        result = run_soak(request, out, progress)
    result.write(out / "soak.json")
    write_soak_picture(result, out / "soak.png")
    typer.echo(result.text())
    typer.echo(f"{out / 'soak.json'} and {out / 'soak.png'}")
    if result.breaches():
        raise typer.Exit(1)
