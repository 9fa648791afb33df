"""The jobs of a sweep, each a model on an input, and the chunks that they are split into."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fishy_ros.detector import AnomalyDetector
from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.replay.request import DetectorChoice
from fishy_ros.evaluation.replay.run_offline import replay_offline
from fishy_ros.evaluation.result import FrameLatency
from fishy_ros.evaluation.scoring.score import Scorer, prepare_frame
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.evaluation.sources.source import UnreadableFrame
from fishy_ros.runtimes.base import RuntimeInfo


@dataclass(frozen=True)
class SweepJob:
    """A detector on a bag or a dataset."""

    name: str
    """Unique in the sweep, and the folder of its report: `<input>/<model>`."""
    source: SourceChoice
    detector: DetectorChoice

    @property
    def input_name(self) -> str:
        """The input, by which jobs are compared."""
        return self.name.partition("/")[0]

    @property
    def model_name(self) -> str:
        """The model, without its folder."""
        return self.name.partition("/")[2]

    def chunks(self, frames: int, size: int) -> Iterator[SweepChunk]:
        """Split `frames` frames into chunks of `size`."""
        for start in range(0, frames, size):
            yield SweepChunk(self, start, min(start + size, frames))


@dataclass(frozen=True)
class SweepChunk:
    """Frames `start` to `stop` (exclusive) of a job."""

    job: SweepJob
    start: int
    stop: int


@dataclass(frozen=True)
class ChunkResult:
    """A scored chunk; scorers of all chunks of a job merge to exactly the scorer of the whole."""

    scorer: Scorer
    latencies: tuple[FrameLatency, ...]
    unreadable: tuple[UnreadableFrame, ...]
    runtime: RuntimeInfo


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


def score_chunk(chunk: SweepChunk) -> ChunkResult:
    """Detect and score the frames of a chunk; runs in a worker process.

    Raises:
        FishyError: the detector cannot be loaded, or a frame cannot be read, detected or scored.
    """
    detector = _open_detector(chunk.job.detector)
    scorer, latencies, unreadable = Scorer(), [], []
    for detected in replay_offline(chunk.job.source.open(), detector, chunk.start, chunk.stop):
        if isinstance(detected.sample, UnreadableFrame):
            unreadable.append(detected.sample)
        else:
            assert detected.score is not None
            scorer.add(prepare_frame(detected.scored(detected.score)))
        latencies.append(FrameLatency(detected.sample.id, detected.stages_ms))
    return ChunkResult(scorer, tuple(latencies), tuple(unreadable), detector.runtime_info)


@functools.lru_cache(maxsize=1)
def _open_detector(choice: DetectorChoice) -> AnomalyDetector:
    """Keep the last detector of this process: chunks of a job mostly come one after the other."""
    return choice.open()
