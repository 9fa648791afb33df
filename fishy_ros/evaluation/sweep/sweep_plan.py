"""Which jobs a sweep consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.replay.request import DetectorChoice
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.evaluation.sweep.sweep_job import SweepJob


def plan_jobs(
    bags: Sequence[Path], datasets: Sequence[str], models: Sequence[str], choice: DetectorChoice
) -> tuple[SweepJob, ...]:
    """Combine every input with every model; datasets are `NAME=ROOT`, or `NAME` where there is no root.

    `choice` says how the models are run.

    Raises:
        ConfigError: there is no input, or two inputs or two models have the same name.
    """
    inputs = [(bag.stem, SourceChoice(bag=bag)) for bag in bags]
    for dataset in datasets:
        name, equals, root = dataset.partition("=")
        inputs.append((name, SourceChoice(dataset=name, root=Path(root) if equals else None)))
    if not inputs:
        raise ConfigError("a sweep needs at least one --bag or --dataset")
    jobs = tuple(
        SweepJob(f"{input_name}/{Path(model).name}", source, replace(choice, model=model))
        for input_name, source in inputs
        for model in models
    )
    names = [job.name for job in jobs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"two jobs of the sweep would write {', '.join(twice)}; expected different names")
    return jobs
