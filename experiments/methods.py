"""`python -m experiments.methods WEIGHTS`: measure every method on one network and lay them out in one table.

Calls `fishy evaluate` once for each group of heads, in two lanes that run side by side with one thread each, then
`fishy table`. A group that was measured with these weights is not measured again.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import check_output

CONFIG = "experiments/methods.yaml"


@dataclass(frozen=True)
class Group:
    """Heads that are measured by one command."""

    name: str
    heads: tuple[str, ...]
    fitted: bool = False
    """Whether some are fitted on images with pasted objects."""
    times: int = 1
    """Of so many times the usual number of images they learn."""


WRAPPED = (
    *("sml+boundaries+gaussian", "sml+vde", "sml+ground_rows", "energy+ground_rows"),
    *("dissimilarity+smooth", "dissimilarity+ground", "dissimilarity+ground_rows"),
)
LANES: tuple[tuple[Group, ...], ...] = (
    (
        Group(
            "logits",
            (
                *("msp", "msp_temperature", "entropy", "softmax_distance", "max_logit", "logit_average", "energy"),
                *("rba", "crf", "sml", "kl_matching", "dissimilarity", "combined_probability", "dense_hybrid"),
                *WRAPPED,
            ),
        ),
        Group("meta", ("ensemble", "meta"), fitted=True),
        Group("synboost", ("resynthesis", "resynthesis_network", "synboost_network", "synboost"), fitted=True),
    ),
    (
        Group("features", ("mahalanobis", "gmm", "vim", "neco", "react", "ash", "knn", "knn_class", "deep_knn")),
        Group("flows", ("flow", "flow_minimum", "flow_regression", "flow_input"), fitted=True, times=2),
        Group("again", ("odin", "lof", "isolation_forest", "autoencoder")),
    ),
)
"""Two lanes of about the same length, some 11 minutes on a calm core; each shares what its heads learn from images."""

QUICK: tuple[str, ...] = ("logits", "features")
"""Groups without training and without a second run of the network."""


def methods(
    weights: Annotated[Path, typer.Argument(help="Trained weights (.safetensors).")],
    out: Annotated[Path, typer.Option(help="The table without ending: .md, .html and .json are written.")] = Path(
        "docs/results/methods"
    ),
    runs: Annotated[Path, typer.Option(help="Folder of the results and statistics of the groups.")] = Path(
        "runs/methods"
    ),
    objects: Annotated[Path, typer.Option(help="Objects to paste for heads that are fitted.")] = Path(
        "../shared/data/outliers/waste"
    ),
    images: Annotated[int, typer.Option(help="Number of training images for statistics.", min=1)] = 30,
    every: Annotated[int, typer.Option(help="Count every N-th row and column of the labels only.", min=1)] = 4,
    rounds: Annotated[int, typer.Option(help="How often each head is timed; 0 measures no costs.", min=0)] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what trains or runs the network again.")] = False,
    variant: Annotated[
        list[Path] | None,
        typer.Option(help="Weights that were trained for a method, such as those of variants/void.yaml; repeatable."),
    ] = None,
    outliers: Annotated[
        bool, typer.Option(help="Whether the network was trained with outliers; else its learned head is left out.")
    ] = True,
    dry: Annotated[bool, typer.Option("--dry-run", help="Print the commands only.")] = False,
) -> None:
    """Measure every method on one network, and write the table."""
    check_output(out.with_name(f"{out.name}.md"))
    shared = ["--every", str(every), "--rounds", str(rounds)]
    lanes = []
    for number, groups in enumerate(LANES):
        statistics = ["--statistics", str(runs / f"statistics-{number}.safetensors")]
        wanted = [
            group if outliers else _without_learned(group) for group in groups if not quick or group.name in QUICK
        ]
        lanes.append([_command(group, weights, runs, images, objects, [*shared, *statistics]) for group in wanted])
    lanes[-1] += [_of_variant(path, runs, shared) for path in variant or []]
    if not dry:
        runs.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(len(lanes)) as pool:
            list(pool.map(_run_lane, lanes))
    results = [command[command.index("--out") + 1] for lane in lanes for command in lane]
    table = ["table", *results, "--out", str(out), *([] if outliers else ["--no-outliers"])]
    if dry:
        for command in (*(command for lane in lanes for command in lane), table):
            typer.echo(shlex.join(["fishy", *command]))
        return
    _run(table)


def _without_learned(group: Group) -> Group:
    from fishy_ros.training.methods.catalogue import LEARNED, METHODS

    learned = {method.head for method in METHODS if method.needs == LEARNED}
    return replace(group, heads=tuple(head for head in group.heads if head not in learned))


def _command(group: Group, weights: Path, runs: Path, images: int, objects: Path, shared: list[str]) -> list[str]:
    learnt = ["--images", str(group.times * images), *(["--objects", str(objects)] if group.fitted else [])]
    heads = [word for head in group.heads for word in ("--head", head)]
    out = ["--out", str(runs / f"{group.name}.json")]
    return ["evaluate", CONFIG, str(weights), *learnt, *shared, *out, *heads]


def _of_variant(weights: Path, runs: Path, shared: list[str]) -> list[str]:
    """All heads that only this variant has, or that have a row for its training."""
    from fishy_ros.errors import ConfigError
    from fishy_ros.training.checkpoint import load_model, training_of
    from fishy_ros.training.heads.registry import HEADS
    from fishy_ros.training.methods.catalogue import METHODS

    variant, training = load_model(weights).net.variant, training_of(weights)
    names = [method.head for method in METHODS if training and method.training == training] or [
        name for name, spec in HEADS.items() if variant is not None and spec.variant == variant and not spec.measures
    ]
    if not names:
        raise ConfigError(f"{weights}: weights of a plain network; no method is of it alone")
    heads = [word for name in names for word in ("--head", name)]
    return ["evaluate", CONFIG, str(weights), *shared, "--out", str(runs / f"{training or variant}.json"), *heads]


def _run_lane(commands: list[list[str]]) -> None:
    for command in commands:
        if not _is_done(Path(command[command.index("--out") + 1]), command):
            _run(command)


def _is_done(path: Path, command: list[str]) -> bool:
    """Tell whether a result was made by this command with the weights as they are."""
    from fishy_ros.files import file_sha256

    if not path.exists():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))["heads"]
    same_weights = found["weights_sha256"] == file_sha256(Path(command[2]))
    return bool(same_weights and found["command"] == shlex.join(["fishy", *command]))


def _run(command: list[str]) -> None:
    start = time.monotonic()
    run = [sys.executable, "-m", "fishy_ros.commands.cli", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        run, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        typer.echo(done.stderr, err=True)
        raise typer.Exit(done.returncode)
    typer.echo(f"{(time.monotonic() - start) / 60:.1f} min: fishy {shlex.join(command)[:100]}")


if __name__ == "__main__":
    typer.run(methods)
