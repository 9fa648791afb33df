"""`fishy bench` of the detector in this process: configurations, settings, limits, alternatives, quality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.bench import options
from fishy_ros.commands.bench.presenting import measured, present, wide_console
from fishy_ros.commands.options import Device, Model, Precision, Runtime, Threads
from fishy_ros.errors import ConfigError
from fishy_ros.model_package.finding import DEFAULT_MODEL


def detect(
    context: typer.Context,
    model: Annotated[list[str] | None, typer.Option(help="Model package; repeatable.")] = None,
    runtime: options.Runtimes = None,
    precision: options.Precisions = None,
    threads: Annotated[
        list[int] | None, typer.Option(help="Threads of a CPU runtime; 0 uses all cores; repeatable.")
    ] = None,
    device: Device = "auto",
    size: Annotated[list[str] | None, typer.Option(help="Camera image size, HEIGHTxWIDTH; repeatable.")] = None,
    transport: Annotated[str, typer.Option(help="raw (bgr8), jpeg or jpeg-whole (decoded at full size).")] = "raw",
    vs: Annotated[
        list[str] | None, typer.Option(help="Second configuration to compare with: key=value,... overrides the first.")
    ] = None,
    rounds: options.Rounds = 10,
    frames: options.Frames = 10,
    warm_up: options.WarmUp = 5,
    out: options.Out = None,
) -> None:
    """Benchmark the detector in this process, for every combination of the given values."""
    if context.invoked_subcommand is not None:
        sources = {name: context.get_parameter_source(name) for name in context.params}
        given = [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
        if given:
            options_given = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise ConfigError(f"{options_given}: expected behind {context.invoked_subcommand}, not before it")
        return
    from fishy_ros.evaluation.bench.detect import run_detect
    from fishy_ros.evaluation.bench.methods import Method, grid
    from fishy_ros.evaluation.bench.sampling import Plan

    base = Method(DEFAULT_MODEL, device=device, transport=transport)
    sizes = [options.parse_size(text) for text in size or [options.CAMERA_SIZE]]
    methods = grid(model or [DEFAULT_MODEL], runtime or ["auto"], precision or ["fp32"], threads or [0], sizes, base)
    methods += [methods[0].changed(text) for text in vs or []]
    plan = Plan(rounds, frames, warm_up)
    present(measured(rounds * len(methods), lambda turn: run_detect(methods, plan, turn)), out)


def settings(
    model: Model = DEFAULT_MODEL,
    runtime: Annotated[str, typer.Option(help="onnxruntime or openvino.")] = "onnxruntime",
    precision: Precision = "fp32",
    rounds: options.Rounds = 10,
    frames: options.Frames = 10,
    warm_up: options.WarmUp = 5,
    out: options.Out = None,
) -> None:
    """Compare CPU settings of a runtime, changing one at a time; `cpu` is CPU time summed over threads."""
    from fishy_ros.evaluation.bench.sampling import Plan
    from fishy_ros.evaluation.bench.settings import candidates, run_settings

    plan, turns = Plan(rounds, frames, warm_up), rounds * len(candidates(runtime))
    present(measured(turns, lambda turn: run_settings(model, runtime, precision, plan, turn)), out)


def roofline(
    model: Model = DEFAULT_MODEL,
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "fp32",
    gflops: Annotated[
        float, typer.Option(help="Peak compute in GFLOP/s (required for a GPU); 0 measures this CPU.", min=0)
    ] = 0,
    bandwidth: Annotated[
        float, typer.Option(help="Memory bandwidth in GB/s (required for a GPU); 0 measures this CPU.", min=0)
    ] = 0,
    rounds: options.Rounds = 10,
    frames: options.Frames = 10,
    warm_up: options.WarmUp = 5,
    out: options.Out = None,
) -> None:
    """Compare a runtime with the roofline limit: the shortest time that compute and memory bandwidth allow."""
    from fishy_ros.evaluation.bench.machine_limits import MachineLimits, measure_limits
    from fishy_ros.evaluation.bench.result import machine_line
    from fishy_ros.evaluation.bench.roofline import roofline_table, run_roofline
    from fishy_ros.evaluation.bench.sampling import Plan

    if gflops and bandwidth:
        limits = MachineLimits(gflops * 1e9, bandwidth * 1e9, "given on the command line")
    else:
        limits = measure_limits()
    plan = Plan(rounds, frames, warm_up)
    result = measured(rounds, lambda turn: run_roofline(model, runtime, device, precision, limits, plan, turn))
    console = wide_console()
    console.print(machine_line(result.environment), highlight=False)
    console.print(roofline_table(result))
    if out is not None:
        result.write(out)


def baselines(
    model: Model = DEFAULT_MODEL,
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "fp32",
    rounds: options.Rounds = 10,
    frames: options.Frames = 10,
    warm_up: options.WarmUp = 5,
    out: options.Out = None,
) -> None:
    """Compare the detector with common alternatives.

    plain-onnxruntime is a session with its default settings; onnxruntime is the runtime of the detector; erfnet has
    random weights.
    """
    from fishy_ros.evaluation.bench.baselines import METHOD_COUNT, run_baselines
    from fishy_ros.evaluation.bench.methods import Method
    from fishy_ros.evaluation.bench.sampling import Plan

    method, plan = Method(model, runtime, device, precision), Plan(rounds, frames, warm_up)
    present(measured(rounds * METHOD_COUNT, lambda turn: run_baselines(method, plan, turn)), out)


def precisions(
    root: Annotated[Path, typer.Option(help="Folder of the dataset with labelled anomalies.")],
    dataset: Annotated[str, typer.Option(help="Dataset; `fishy datasets` lists them.")] = "fishyscapes-lostandfound",
    segmentation: Annotated[
        Path | None, typer.Option(help="Folder with images/ and labels/ (Cityscapes train ids), for mean IoU.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    precision: Annotated[list[str] | None, typer.Option(help="Precision to measure; repeatable. Default: all.")] = None,
    runtime: Runtime = "auto",
    device: Device = "auto",
    out: options.Out = None,
) -> None:
    """Measure AP, FPR95, AUROC and mean IoU of each precision of a model."""
    from fishy_ros.datasets.registry import open_dataset
    from fishy_ros.evaluation.bench.precisions import compare_precisions, count_segmented, quality_table
    from fishy_ros.model_package import load_model_package

    names = precision or load_model_package(model).precisions
    frames = open_dataset(dataset, root)
    total = len(frames) + (count_segmented(segmentation) if segmentation else 0)
    result = measured(total, lambda turn: compare_precisions(model, runtime, device, names, frames, segmentation, turn))
    wide_console().print(quality_table(result))
    if out is not None:
        result.write(out)


def regions(
    model: Model = DEFAULT_MODEL,
    runtime: Runtime = "auto",
    precision: Precision = "fp32",
    threads: Threads = 0,
    size: options.Size = options.CAMERA_SIZE,
    pictures: Annotated[Path | None, typer.Option(help="Folder of a drive; default: a rendered one.")] = None,
    rounds: options.Rounds = 10,
    frames: options.Frames = 24,
    warm_up: options.WarmUp = 5,
    out: options.Out = None,
) -> None:
    """Measure what mask, markers and points add to a frame in the node: the stage `regions`. Needs rclpy."""
    from fishy_ros.evaluation.bench.methods import Method
    from fishy_ros.evaluation.bench.regions import WAYS, run_regions
    from fishy_ros.evaluation.bench.sampling import Plan

    height, width = options.parse_size(size)
    method = Method(model, runtime, "auto", precision, threads, height=height, width=width)
    plan = Plan(rounds, frames, warm_up)
    present(measured(rounds * len(WAYS), lambda turn: run_regions(method, pictures, plan, turn)), out)
