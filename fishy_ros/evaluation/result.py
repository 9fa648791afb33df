"""Everything that a report holds, as one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fishy_ros.evaluation.environment import Environment, describe_environment
from fishy_ros.evaluation.scoring.consistency import ConsistencyScores
from fishy_ros.evaluation.scoring.regions import RegionScores
from fishy_ros.evaluation.scoring.streaming import StreamingScores
from fishy_ros.evaluation.scoring.summary import ScoreSummary
from fishy_ros.model_package import ModelPackage
from fishy_ros.runtimes.base import RuntimeInfo


@dataclass(frozen=True)
class FrameCounts:
    """What became of the frames."""

    played: int
    """Sent to the detector, or read from disk where saved maps are scored."""
    published: int
    """Heatmaps that came back."""
    dropped: int
    """Frames without a heatmap."""


@dataclass(frozen=True)
class SourceDescription:
    """Where the frames came from."""

    kind: str
    """`dataset`, `bag` or `maps`."""
    name: str
    """Name of the dataset, or path as the user gave it."""
    sha256: str | None = None
    """Hash of the input; see `environment.hash_files`."""


@dataclass(frozen=True)
class ModelDescription:
    """The model that made the heatmaps."""

    name: str
    version: str
    sha256: str
    """Of the graph."""
    description: str = ""
    license: str = ""
    meaning: str = ""
    """What a value of the heatmap means."""
    threshold: float | None = None
    """The model's default threshold."""


@dataclass(frozen=True)
class FrameLatency:
    """How long one frame took."""

    frame: str
    stages_ms: Mapping[str, float]
    """Stage to milliseconds: `receive`, `decode`, `resize`, `inference`, `publish`, `total`, `age`, ..."""


@dataclass(frozen=True)
class LatencySummary:
    """Percentiles of one stage over all frames, in ms."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True)
class ReplayResult:
    """One replay or scoring run; what does not apply is None or empty."""

    mode: str
    """`live`, `lockstep`, `offline`, `attach` or `maps`."""
    source: SourceDescription
    frames: FrameCounts = FrameCounts(0, 0, 0)
    environment: Environment = field(default_factory=describe_environment)
    score: ScoreSummary | None = None
    latencies: tuple[FrameLatency, ...] = ()
    """In the order of play."""
    model: ModelDescription | None = None
    runtime: RuntimeInfo | None = None
    warnings: tuple[str, ...] = ()
    regions: RegionScores | None = None
    streaming: StreamingScores | None = None
    consistency: ConsistencyScores | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    """Anything else that a mode wants in report.json (numbers, texts, lists and mappings of these)."""

    def latency_ms(self) -> dict[str, LatencySummary]:
        """Summarise every stage."""
        return {stage: summarize_latency(values) for stage, values in latency_series(self.latencies).items()}

    def all_warnings(self) -> tuple[str, ...]:
        """Warnings of the run and of scoring."""
        return self.warnings + (self.score.warnings if self.score else ())


def describe_model(package: ModelPackage) -> ModelDescription:
    """Describe a model package for a report."""
    return ModelDescription(
        name=package.name,
        version=package.version,
        sha256=package.sha256,
        description=package.description,
        license=package.license,
        meaning=package.calibration.meaning,
        threshold=package.calibration.default_threshold,
    )


def latency_series(latencies: Iterable[FrameLatency]) -> dict[str, NDArray[np.float64]]:
    """Collect the milliseconds of every stage, in order of play; frames without the stage are left out."""
    series: dict[str, list[float]] = {}
    for latency in latencies:
        for stage, milliseconds in latency.stages_ms.items():
            series.setdefault(stage, []).append(milliseconds)
    return {stage: np.array(values, np.float64) for stage, values in series.items()}


def summarize_latency(values: NDArray[np.float64]) -> LatencySummary:
    """Summarise milliseconds `[N]`, N at least 1; percentiles are interpolated linearly."""
    p50, p95, p99 = np.percentile(values, [50, 95, 99]).tolist()
    return LatencySummary(values.size, float(values.mean()), p50, p95, p99, float(values.max()))
