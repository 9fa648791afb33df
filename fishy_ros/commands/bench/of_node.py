"""`fishy bench` of the node: its way through DDS, its start and its memory."""

from __future__ import annotations

from typing import Annotated

import typer

from fishy_ros.commands.bench import options
from fishy_ros.commands.bench.presenting import measured, present, wide_console
from fishy_ros.commands.options import Device, Model, Precision, Runtime
from fishy_ros.model_package.finding import DEFAULT_MODEL


def node(
    model: Model = DEFAULT_MODEL,
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "fp32",
    size: options.Size = options.CAMERA_SIZE,
    frames: Annotated[int, typer.Option(help="Frames per node and round.", min=1)] = 60,
    rounds: Annotated[int, typer.Option(help="Number of rounds; each restarts every node.", min=1)] = 3,
    out: options.Out = None,
) -> None:
    """Measure the path through DDS: this node against the baseline node.

    arrive: image published to its arrival in the node's middleware; handling: everything from then to the publication
    of the heatmap, without inference; age: image published to heatmap published; around: that without inference;
    round_trip: image published to heatmap received by the publisher of the image;
    path: that without inference.
    """
    from fishy_ros.evaluation.bench.bus_path import AGE, AROUND, METHODS, THIS_NODE, PathRequest
    from fishy_ros.evaluation.bench.node import run_node

    height, width = options.parse_size(size)
    request = PathRequest(THIS_NODE, model, runtime, device, precision, frames, height, width)
    result = measured(rounds * len(METHODS), lambda turn: run_node(METHODS, request, rounds, turn))
    present(result, out, AROUND, pictured=AGE)


def start(
    model: Model = DEFAULT_MODEL,
    runtime: options.Runtimes = None,
    precision: options.Precisions = None,
    device: Device = "auto",
    size: options.Size = options.CAMERA_SIZE,
    rounds: Annotated[int, typer.Option(help="Number of starts per configuration.", min=1)] = 5,
    out: options.Out = None,
) -> None:
    """Measure the time from the start of the node to its first heatmap.

    start: process started to node active; connect: until every topic is matched; first frame: until its heatmap is
    here. An engine that is not in the cache yet is built in the first round.
    """
    import itertools

    from fishy_ros.evaluation.bench.bus_path import THIS_NODE, PathRequest
    from fishy_ros.evaluation.bench.node import run_start

    height, width = options.parse_size(size)
    requests = [
        PathRequest(THIS_NODE, model, name, device, kind, 1, height, width)
        for name, kind in itertools.product(runtime or ["auto"], precision or ["fp32"])
    ]
    present(measured(rounds * len(requests), lambda turn: run_start(requests, rounds, turn)), out)


def memory(
    model: Model = DEFAULT_MODEL,
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Precision = "fp32",
    size: options.Size = options.CAMERA_SIZE,
    frames: Annotated[int, typer.Option(help="Number of frames to play.", min=4)] = 10_000,
    out: options.Out = None,
) -> None:
    """Measure the memory use of the node over many frames."""
    from fishy_ros.evaluation.bench.bus_path import THIS_NODE, PathRequest
    from fishy_ros.evaluation.bench.memory import run_memory, write_memory_picture

    height, width = options.parse_size(size)
    console = wide_console()
    with console.status(f"playing {frames} frames"):
        result = run_memory(PathRequest(THIS_NODE, model, runtime, device, precision, frames, height, width))
    console.print(result.summary(), highlight=False)
    if out is not None:
        result.write(out)
        write_memory_picture(result, out.with_suffix(".png"))
