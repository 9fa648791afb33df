"""One job of a sweep, a model on an input, and the chunks that it is split into."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from fishy_ros.detector import AnomalyDetector
from fishy_ros.evaluation.replay.offline import replay_offline
from fishy_ros.evaluation.replay.request import DetectorChoice
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
