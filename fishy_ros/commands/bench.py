"""`fishy bench`: how long every stage takes, in which configuration, and how near that is to the machine's limit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from fishy_ros.commands.options import checked_output
from fishy_ros.files import write_json
from fishy_ros.model_package.finding import DEFAULT_MODEL

if TYPE_CHECKING:
    from rich.console import Console

    from fishy_ros.evaluation.bench.result import BenchResult

Result = TypeVar("Result")
Rounds = Annotated[int, typer.Option(help="Number of rounds; every configuration runs once per round.", min=1)]
Frames = Annotated[int, typer.Option(help="Frames per configuration and round.", min=1)]
WarmUp = Annotated[int, typer.Option(help="Warm-up frames, not measured.", min=0)]
Out = Annotated[
    Path | None, typer.Option(help="JSON file to write; the plot is written next to it.", callback=checked_output)
]
Model = Annotated[str, typer.Option(help="Model package: a name or a path.")]
Runtime = Annotated[str, typer.Option(help="Inference runtime.")]
Runtimes = Annotated[list[str] | None, typer.Option(help="Inference runtime; repeatable.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]
Precision = Annotated[str, typer.Option(help="Precision of the graph.")]
Precisions = Annotated[list[str] | None, typer.Option(help="Precision; repeatable.")]
Size = Annotated[str, typer.Option(help="Camera image size, HEIGHTxWIDTH.")]
CAMERA_SIZE = "1024x2048"
LOG_COLUMNS = 160
"""Width of tables that go to a file or a pipe; a terminal has its own."""


bench = typer.Typer(help="Benchmark stages, runtimes, settings and the path through DDS.")


@bench.callback(invoke_without_command=True)
def detect(
    context: typer.Context,
    model: Annotated[list[str] | None, typer.Option(help="Model package; repeatable.")] = None,
    runtime: Runtimes = None,
    precision: Precisions = None,
    threads: Annotated[list[int] | None, typer.Option(help="CPU threads, 0 for all cores; repeatable.")] = None,
    device: Device = "auto",
    size: Annotated[list[str] | None, typer.Option(help="Camera image size, HEIGHTxWIDTH; repeatable.")] = None,
    transport: Annotated[str, typer.Option(help="raw (bgr8), jpeg or jpeg-whole (decoded at full size).")] = "raw",
    vs: Annotated[
        list[str] | None, typer.Option(help="Second configuration to compare with: key=value,... overrides the first.")
    ] = None,
    rounds: Rounds = 10,
    frames: Frames = 10,
    warm_up: WarmUp = 5,
    out: Out = None,
) -> None:
    """Benchmark the detector in this process, for every combination of the given values."""
    if context.invoked_subcommand is not None:
        return
    from fishy_ros.evaluation.bench.detect import run_detect
    from fishy_ros.evaluation.bench.methods import Method, grid
    from fishy_ros.evaluation.bench.sampling import Plan

    base = Method(DEFAULT_MODEL, device=device, transport=transport)
    sizes = [_parse_size(text) for text in size or [CAMERA_SIZE]]
    methods = grid(model or [DEFAULT_MODEL], runtime or ["auto"], precision or ["fp32"], threads or [0], sizes, base)
    methods += [methods[0].changed(text) for text in vs or []]
    plan = Plan(rounds, frames, warm_up)
    _present(_measure(rounds * len(methods), lambda turn: run_detect(methods, plan, turn)), out)


@bench.command()
def settings(
    model: Model = DEFAULT_MODEL,
    runtime: Annotated[str, typer.Option(help="onnxruntime or openvino.")] = "onnxruntime",
    precision: Precision = "fp32",
    rounds: Rounds = 10,
    frames: Frames = 10,
    warm_up: WarmUp = 5,
    out: Out = None,
) -> None:
    """Compare CPU settings of a runtime, changing one at a time; `cpu` is CPU time summed over threads."""
    from fishy_ros.evaluation.bench.sampling import Plan
    from fishy_ros.evaluation.bench.settings import candidates, run_settings

    plan, turns = Plan(rounds, frames, warm_up), rounds * len(candidates(runtime))
    _present(_measure(turns, lambda turn: run_settings(model, runtime, precision, plan, turn)), out)


@bench.command()
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
    rounds: Rounds = 10,
    frames: Frames = 10,
    warm_up: WarmUp = 5,
    out: Out = None,
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
    result = _measure(rounds, lambda turn: run_roofline(model, runtime, device, precision, limits, plan, turn))
    console = _console()
    console.print(machine_line(result.environment), highlight=False)
    console.print(roofline_table(result))
    if out is not None:
        result.write(out)


@bench.command()
def node(
    model: Model = DEFAULT_MODEL,
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "fp32",
    size: Size = CAMERA_SIZE,
    frames: Annotated[int, typer.Option(help="Frames per node and round.", min=1)] = 60,
    rounds: Annotated[int, typer.Option(help="Number of rounds; each restarts every node.", min=1)] = 3,
    out: Out = None,
) -> None:
    """Measure the path through DDS: this node against the baseline node.

    arrive: image published to its arrival in the node's middleware; handling: everything from then to the publication
    of the heatmap, without inference; age: image published to heatmap published; around: that without inference;
    round_trip: image published to heatmap received by the publisher of the image;
    path: that without inference.
    """
    from fishy_ros.evaluation.bench.bus_path import AGE, AROUND, METHODS, THIS_NODE, PathRequest
    from fishy_ros.evaluation.bench.node import run_node

    height, width = _parse_size(size)
    request = PathRequest(THIS_NODE, model, runtime, device, precision, frames, height, width)
    result = _measure(rounds * len(METHODS), lambda turn: run_node(METHODS, request, rounds, turn))
    _present(result, out, AROUND, pictured=AGE)


@bench.command()
def start(
    model: Model = DEFAULT_MODEL,
    runtime: Runtimes = None,
    precision: Precisions = None,
    device: Device = "auto",
    size: Size = CAMERA_SIZE,
    rounds: Annotated[int, typer.Option(help="Number of starts per configuration.", min=1)] = 5,
    out: Out = None,
) -> None:
    """Measure the time from the start of the node to its first heatmap.

    start: process started to node active; connect: until every topic is matched; first frame: until its heatmap is
    here. An engine that is not in the cache yet is built in the first round.
    """
    import itertools

    from fishy_ros.evaluation.bench.bus_path import THIS_NODE, PathRequest
    from fishy_ros.evaluation.bench.node import run_start

    height, width = _parse_size(size)
    requests = [
        PathRequest(THIS_NODE, model, name, device, kind, 1, height, width)
        for name, kind in itertools.product(runtime or ["auto"], precision or ["fp32"])
    ]
    _present(_measure(rounds * len(requests), lambda turn: run_start(requests, rounds, turn)), out)


@bench.command()
def memory(
    model: Model = DEFAULT_MODEL,
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "fp32",
    size: Size = CAMERA_SIZE,
    frames: Annotated[int, typer.Option(help="Number of frames to play.", min=4)] = 10_000,
    out: Out = None,
) -> None:
    """Measure the memory use of the node over many frames."""
    from fishy_ros.evaluation.bench.bus_path import THIS_NODE, PathRequest
    from fishy_ros.evaluation.bench.memory import run_memory, write_memory_picture

    height, width = _parse_size(size)
    console = _console()
    with console.status(f"playing {frames} frames"):
        result = run_memory(PathRequest(THIS_NODE, model, runtime, device, precision, frames, height, width))
    console.print(result.summary(), highlight=False)
    if out is not None:
        result.write(out)
        write_memory_picture(result, out.with_suffix(".png"))


@bench.command()
def baselines(
    model: Model = DEFAULT_MODEL,
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "fp32",
    rounds: Rounds = 10,
    frames: Frames = 10,
    warm_up: WarmUp = 5,
    out: Out = None,
) -> None:
    """Compare the detector with common alternatives.

    plain-onnxruntime is a session with its default settings; onnxruntime is the runtime of the detector; erfnet has
    random weights.
    """
    from fishy_ros.evaluation.bench.baselines import METHOD_COUNT, run_baselines
    from fishy_ros.evaluation.bench.methods import Method
    from fishy_ros.evaluation.bench.sampling import Plan

    method, plan = Method(model, runtime, device, precision), Plan(rounds, frames, warm_up)
    _present(_measure(rounds * METHOD_COUNT, lambda turn: run_baselines(method, plan, turn)), out)


@bench.command()
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
    out: Out = None,
) -> None:
    """Measure AP, FPR95, AUROC and mean IoU of each precision of a model."""
    from fishy_ros.datasets.registry import open_dataset
    from fishy_ros.evaluation.bench.precisions import compare_precisions, count_segmented, quality_table
    from fishy_ros.model_package import load_model_package

    names = precision or load_model_package(model).precisions
    frames = open_dataset(dataset, root)
    total = len(frames) + (count_segmented(segmentation) if segmentation else 0)
    result = _measure(total, lambda turn: compare_precisions(model, runtime, device, names, frames, segmentation, turn))
    _console().print(quality_table(result))
    if out is not None:
        result.write(out)


@bench.command()
def metrics(
    frames: Annotated[int, typer.Option(help="Synthetic frames of 2048x1024 pixels.", min=1)] = 100,
    out: Out = None,
) -> None:
    """Compare the exact streaming metrics with pooling and sorting all pixels, in time and memory."""
    from dataclasses import asdict

    from fishy_ros.evaluation.bench.metrics import FrameSet, benchmark_table, run
    from fishy_ros.evaluation.environment import describe_environment

    result = run(FrameSet(frames))
    _console().print(benchmark_table(result), markup=False, highlight=False)
    if out is not None:
        document = {"metrics_bench": asdict(result), "environment": asdict(describe_environment())}
        write_json(out, document)


@bench.command()
def regions(
    model: Model = DEFAULT_MODEL,
    runtime: Runtime = "auto",
    precision: Precision = "fp32",
    threads: Annotated[int, typer.Option(help="CPU threads, 0 for all cores.", min=0)] = 0,
    size: Size = CAMERA_SIZE,
    pictures: Annotated[Path | None, typer.Option(help="Folder of a drive; default: a rendered one.")] = None,
    rounds: Rounds = 10,
    frames: Frames = 24,
    warm_up: WarmUp = 5,
    out: Out = None,
) -> None:
    """Measure what mask, markers and points add to a frame in the node: the stage `regions`. Needs rclpy."""
    from fishy_ros.evaluation.bench.methods import Method
    from fishy_ros.evaluation.bench.regions import WAYS, run_regions
    from fishy_ros.evaluation.bench.sampling import Plan

    height, width = _parse_size(size)
    method = Method(model, runtime, "auto", precision, threads, height=height, width=width)
    plan = Plan(rounds, frames, warm_up)
    _present(_measure(rounds * len(WAYS), lambda turn: run_regions(method, pictures, plan, turn)), out)


@bench.command()
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

    settings = load_train_config(config)
    settings = dataclasses.replace(
        settings, data=data or settings.data, device_augment=device_augment or settings.device_augment
    )
    height, width = _parse_size(size)
    stage = StageConfig(1, height, width, batch, settings.stages[-1].scale)
    result = measure_training_speed(settings, device, stage, seconds)
    for part, rate in result.crops_per_second.items():
        _console().print(f"{part:10} {rate:10.2f} crops/s", highlight=False)
    if out is not None:
        result.write(out, dataclasses.asdict(describe_environment()))


def _measure(turns: int, measure: Callable[[Callable[[], None]], Result]) -> Result:
    """Show a bar over the turns of a measurement, which calls what it is given after each."""
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task("measuring", total=turns)
        return measure(lambda: bar.advance(task))


def _present(result: BenchResult, out: Path | None, compared: str = "total", pictured: str | None = None) -> None:
    from fishy_ros.evaluation.bench.picture import write_stage_picture
    from fishy_ros.evaluation.bench.result import machine_line, stage_table

    console = _console()
    console.print(machine_line(result.environment), highlight=False)
    console.print(stage_table(result, compared))
    for note in result.notes:
        console.print(f"note: {note}", markup=False, highlight=False)
    if out is not None:
        result.write(out)
        write_stage_picture(result, pictured or compared, out.with_suffix(".png"))
        console.print(f"{out} and {out.with_suffix('.png')}", highlight=False)


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else LOG_COLUMNS)


def _parse_size(text: str) -> tuple[int, int]:
    from fishy_ros.errors import ConfigError

    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"size {text!r}: expected HEIGHTxWIDTH, such as 1024x2048")
    return int(height), int(width)
