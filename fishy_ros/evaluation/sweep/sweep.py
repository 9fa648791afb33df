"""Run many models on many inputs, split over worker processes, and keep every finished report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

import fishy_ros
from fishy_ros.errors import FishyError, ReplayError, ScoreError
from fishy_ros.evaluation.replay.frame_count import with_frame_count_checked
from fishy_ros.evaluation.replay.play import Progress
from fishy_ros.evaluation.report.report import JSON_FILE, write_report
from fishy_ros.evaluation.report.report_json import load_report
from fishy_ros.evaluation.result import FrameLatency, ReplayResult, describe_model
from fishy_ros.evaluation.scoring.build_result import assemble_result
from fishy_ros.evaluation.scoring.score import Scorer
from fishy_ros.evaluation.sources.open_source import SourceChoice
from fishy_ros.evaluation.sources.source import UnreadableFrame
from fishy_ros.evaluation.sweep.executors import RETRIES
from fishy_ros.evaluation.sweep.sweep_job import ChunkResult, SweepChunk, SweepJob, score_chunk
from fishy_ros.runtimes.base import RuntimeInfo

OpenExecutor: TypeAlias = Callable[[], AbstractContextManager[Executor]]
"""Opens the workers; called again when they broke down."""


@dataclass(frozen=True)
class SweepOutcome:
    """What became of the jobs of a sweep."""

    finished: tuple[SweepJob, ...]
    """Jobs whose report was written now, in the order of their end."""
    kept: tuple[SweepJob, ...]
    """Jobs whose report was there already."""
    failed: tuple[tuple[SweepJob, str], ...]
    """Jobs that ended with an error, and the error."""


class _Input(NamedTuple):
    """What a sweep has to know of an input; hashing reads it whole, so it is done once for all models."""

    frames: int
    sha256: str | None


@dataclass
class _Running:
    """A job of which chunks are out; they are merged in order, whatever the order of their return."""

    job: SweepJob
    chunks: tuple[SweepChunk, ...]
    fingerprint: dict[str, object]
    scorer: Scorer = field(default_factory=Scorer)
    latencies: list[FrameLatency] = field(default_factory=list)
    unreadable: list[UnreadableFrame] = field(default_factory=list)
    runtime: RuntimeInfo | None = None
    waiting: dict[int, ChunkResult] = field(default_factory=dict)
    merged: int = 0

    def take(self, chunk: SweepChunk, result: ChunkResult) -> None:
        self.waiting[chunk.start] = result
        while self.merged < len(self.chunks) and self.chunks[self.merged].start in self.waiting:
            part = self.waiting.pop(self.chunks[self.merged].start)
            self.scorer.merge(part.scorer)
            self.latencies += part.latencies
            self.unreadable += part.unreadable
            self.runtime = part.runtime
            self.merged += 1

    @property
    def is_complete(self) -> bool:
        return self.merged == len(self.chunks)


class Sweep:
    """Jobs that have been looked at: which have a report already, and what the others consist of."""

    def __init__(self, jobs: Sequence[SweepJob], out: Path, chunk_size: int) -> None:
        """Open and hash every input, and open every model package.

        Raises:
            FishyError: an input or a model is missing or damaged.
        """
        self._out = out
        self._kept: list[SweepJob] = []
        self._finished: list[SweepJob] = []
        self._failed: dict[SweepJob, str] = {}
        self._running: dict[str, _Running] = {}
        inputs = {choice: _open_input(choice) for choice in dict.fromkeys(job.source for job in jobs)}
        for job in jobs:
            fingerprint = _fingerprint(job, inputs[job.source])
            if _has_report(out / job.name, fingerprint):
                self._kept.append(job)
            else:
                chunks = tuple(job.chunks(inputs[job.source].frames, chunk_size))
                self._running[job.name] = _Running(job, chunks, fingerprint)

    @property
    def frames(self) -> int:
        """Number of frames that are to be detected and scored."""
        return sum(running.chunks[-1].stop for running in self._running.values() if running.chunks)

    def run(self, open_executor: OpenExecutor, progress: Progress) -> SweepOutcome:
        """Run all chunks; a job's report is written as soon as its last chunk is back.

        An error in a chunk ends its job, not the sweep. When a worker dies, what it had is run again.

        Raises:
            ReplayError: the workers broke down again and again.
            ScoreError: a report cannot be written.
        """
        done = 0
        pending = [chunk for running in self._running.values() for chunk in running.chunks]
        for _ in range(RETRIES + 1):
            lost = []
            with open_executor() as executor:
                for chunk, future in _submit(executor, pending):
                    try:
                        self._take(chunk, future)
                    except BrokenExecutor:
                        lost.append(chunk)
                    else:
                        done += chunk.stop - chunk.start
                        progress(done)
            if not lost:
                return SweepOutcome(tuple(self._finished), tuple(self._kept), tuple(self._failed.items()))
            pending = lost
        raise ReplayError(f"the workers died {RETRIES + 1} times, {len(pending)} chunks are left; run it again")

    def _take(self, chunk: SweepChunk, future: Future[ChunkResult]) -> None:
        """Merge a chunk, and finish its job with the last one.

        Raises:
            BrokenExecutor: its worker died, and it has to run again.
        """
        running = self._running[chunk.job.name]
        try:
            result = future.result()
        except FishyError as error:
            self._failed.setdefault(chunk.job, str(error))
            return
        running.take(chunk, result)
        if not running.is_complete:
            return
        try:
            self._finish(running)
        except ReplayError as error:  # none of its frames can be read
            self._failed[chunk.job] = str(error)
        else:
            self._finished.append(chunk.job)

    def _finish(self, running: _Running) -> None:
        job = running.job
        source = job.source.open()
        run = ReplayResult(
            mode="offline",
            source=source.describe(),
            model=describe_model(job.detector.load()),
            runtime=running.runtime,
            warnings=source.warnings,
            extra={"sweep": running.fingerprint},
        )
        missing = [frame.id for frame in running.unreadable]
        result = assemble_result(run, running.scorer.compute(), running.latencies, missing, running.unreadable)
        write_report(with_frame_count_checked(result, source), self._out / job.name)


def _submit(executor: Executor, chunks: Iterable[SweepChunk]) -> Iterator[tuple[SweepChunk, Future[ChunkResult]]]:
    """Yield every chunk with its future as it is done, and let go of both, since results are large."""
    futures = {_begin(executor, chunk): chunk for chunk in chunks}
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            yield futures.pop(future), future


def _begin(executor: Executor, chunk: SweepChunk) -> Future[ChunkResult]:
    try:
        return executor.submit(score_chunk, chunk)
    except BrokenExecutor as error:  # a worker died while chunks were still being handed out
        lost: Future[ChunkResult] = Future()
        lost.set_exception(error)
        return lost


def _open_input(choice: SourceChoice) -> _Input:
    source = choice.open()
    return _Input(len(source), source.describe().sha256)


def _fingerprint(job: SweepJob, opened: _Input) -> dict[str, object]:
    """Describe everything that decides a job's numbers, as JSON values."""
    source = job.source
    return {
        "fishy_ros": fishy_ros.__version__,
        "bag": str(source.bag) if source.bag else None,
        "image_topic": source.image_topic,
        "dataset": source.dataset,
        "root": str(source.root) if source.root else None,
        "options": dict(source.options),
        "frames": opened.frames,
        "input_sha256": opened.sha256,
        "model_sha256": job.detector.load().graph(job.detector.precision).sha256,
        "runtime": job.detector.runtime,
        "device": job.detector.device,
        "precision": job.detector.precision,
    }


def _has_report(folder: Path, fingerprint: dict[str, object]) -> bool:
    if not (folder / JSON_FILE).is_file():
        return False
    try:
        report = load_report(folder / JSON_FILE)
    except ScoreError:
        return False
    return bool(report.get("extra", {}).get("sweep") == fingerprint)
