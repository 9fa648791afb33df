"""`fishy bench`: how long every stage takes, in which configuration, and how near that is to the machine's limit."""

from __future__ import annotations

import typer

from fishy_ros.commands.bench.in_process import baselines, detect, precisions, regions, roofline, settings
from fishy_ros.commands.bench.of_library import metrics, training
from fishy_ros.commands.bench.of_node import memory, node, start

bench = typer.Typer(help="Benchmark stages, runtimes, settings and the path through DDS.")
bench.callback(invoke_without_command=True)(detect)
for command in (settings, roofline, node, start, memory, baselines, precisions, metrics, regions, training):
    bench.command()(command)
