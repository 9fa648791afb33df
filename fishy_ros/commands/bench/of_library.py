"""`fishy bench` of what runs away from the car: metrics and training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.bench import options
from fishy_ros.commands.bench.presenting import wide_console
from fishy_ros.files import write_json


def metrics(
    frames: Annotated[int, typer.Option(help="Synthetic frames of 2048x1024 pixels.", min=1)] = 100,
    out: options.Out = None,
) -> None:
    """Compare the exact streaming metrics with pooling and sorting all pixels, in time and memory."""
    from dataclasses import asdict

    from fishy_ros.evaluation.bench.metrics import FrameSet, benchmark_table, run
    from fishy_ros.evaluation.environment import describe_environment

    result = run(FrameSet(frames))
    wide_console().print(benchmark_table(result), markup=False, highlight=False)
    if out is not None:
        document = {"metrics_bench": asdict(result), "environment": asdict(describe_environment())}
        write_json(out, document)


def training(
    config: Annotated[Path, typer.Argument(help="Training configuration, such as config/training/fishy-s.yaml.")],
    data: Annotated[str | None, typer.Option(help="Data root instead of the configured one.")] = None,
    device: Annotated[str, typer.Option(help="Device: cpu, cuda or cuda:N.")] = "cpu",
    size: Annotated[str, typer.Option(help="Size of the crops, HEIGHTxWIDTH.")] = "512x1024",
    batch: Annotated[int, typer.Option(help="Crops in a step.", min=1)] = 4,
    device_augment: Annotated[
        str | None, typer.Option(help="Where crops are made, instead of as configured: auto, always or never.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long each part is measured.")] = 10,
    out: Annotated[Path | None, typer.Option(help="File for the result as JSON.")] = None,
) -> None:
    """Measure crops per second: cut, augmented, through the network, and all of it as a training runs."""
    import dataclasses

    from fishy_ros.evaluation.environment import describe_environment
    from fishy_ros.training.config import load_train_config
    from fishy_ros.training.schedule import StageConfig
    from fishy_ros.training.speed import measure_training_speed

    settings = load_train_config(config, data)
    settings = dataclasses.replace(settings, device_augment=device_augment or settings.device_augment)
    height, width = options.parse_size(size)
    stage = StageConfig(1, height, width, batch, settings.stages[-1].scale)
    result = measure_training_speed(settings, device, stage, seconds)
    for part, rate in result.crops_per_second.items():
        wide_console().print(f"{part:10} {rate:10.2f} crops/s", highlight=False)
    if out is not None:
        result.write(out, dataclasses.asdict(describe_environment()))
