"""`fishy sweep`: many models on many bags and datasets, on all processors or on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fishy_ros.commands.options import Device, Runtime, Scores, TrustedKey, check_output_folder

if TYPE_CHECKING:
    from fishy_ros.evaluation.sweep.sweep import SweepOutcome


def sweep(
    out: Annotated[
        Path, typer.Option(help="Output folder, with one report in INPUT/MODEL each; finished reports are kept.")
    ],
    bag: Annotated[list[Path] | None, typer.Option(help="Bag; repeatable.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Dataset, NAME=ROOT or NAME alone; repeatable.")] = None,
    models: Annotated[str, typer.Option(help="Comma-separated model packages.")] = "fishy-s",
    trusted_key: TrustedKey = "",
    scores: Scores = None,
    runtime: Runtime = "auto",
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="fp32, or another precision of the packages.")] = "fp32",
    workers: Annotated[int, typer.Option(help="Worker processes; 0 uses one per core.", min=0)] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads per worker.", min=0)] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler to use instead of local processes.")
    ] = None,
    chunk: Annotated[int, typer.Option(help="Frames per task.", min=1)] = 16,
) -> None:
    """Run every model on every input in parallel processes, and rank the models per input.

    An interrupted sweep resumes: finished jobs are skipped.
    """
    check_output_folder(out)
    from fishy_ros.evaluation.replay.request import DetectorChoice, model_names
    from fishy_ros.evaluation.report.stage_progress import stage_progress
    from fishy_ros.evaluation.sweep.executors import dask_cluster, process_pool
    from fishy_ros.evaluation.sweep.sweep import Sweep
    from fishy_ros.evaluation.sweep.sweep_job import plan_jobs
    from fishy_ros.runtimes.processors import default_threads

    choice = DetectorChoice("", runtime, device, precision, threads, trusted_key)
    jobs = plan_jobs(bag or (), dataset or (), model_names("", models, scores), choice)
    with stage_progress("finished reports are kept, run it again") as progress:
        plan = Sweep(jobs, out, chunk)
        count = workers or default_threads()
        show = progress(f"sweeping {len(jobs)} jobs", plan.frames)
        outcome = plan.run(lambda: dask_cluster(scheduler) if scheduler else process_pool(count), show)
    _print(outcome, out)
    if outcome.failed:
        raise typer.Exit(1)


def _print(outcome: SweepOutcome, out: Path) -> None:
    from fishy_ros.evaluation.report.ranking import ranking_table
    from fishy_ros.evaluation.report.report import JSON_FILE
    from fishy_ros.evaluation.report.report_json import load_report

    for job in outcome.kept:
        typer.echo(f"{out / job.name}: already finished, skipped")
    for job, error in outcome.failed:
        typer.echo(f"{job.name}: failed: {error}", err=True)
    runs: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for job in (*outcome.kept, *outcome.finished):
        report = load_report(out / job.name / JSON_FILE)
        runs.setdefault(job.input_name, []).append((job.model_name, report))
    for name, ranked in sorted(runs.items()):
        typer.echo(f"\n{name}\n{ranking_table(ranked)}")
