"""A frame together with what the detector answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fishy_ros.evaluation.replay.match import Playback
from fishy_ros.evaluation.replay.spool import HeatmapSpool
from fishy_ros.evaluation.scoring.score import ScoredFrame
from fishy_ros.evaluation.sources.source import FrameSource
from fishy_ros.imaging import resize_classes
from fishy_ros.types import LabelMap, Sample, ScoreMap


@dataclass(frozen=True)
class Answer:
    """One frame, its heatmap and its latency."""

    sample: Sample
    score: ScoreMap | None
    """float32 `[h, w]`; None when the frame was dropped."""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    """Latency by stage."""
    classes: LabelMap | None = None
    """Predicted train ids, uint8 `[h, w]`; None where only the heatmap is known."""

    def scored(self, score: ScoreMap) -> ScoredFrame:
        """Put `score` beside what is known of the frame; classes only where both predicted and true ones are."""
        sample, classes = self.sample, None
        if self.classes is not None and sample.classes is not None:
            classes = resize_classes(self.classes, *sample.classes.shape)
        return ScoredFrame(sample.id, score, sample.labels, sample.image, classes, sample.classes)


def answers_of(source: FrameSource, playback: Playback, spool: HeatmapSpool) -> Iterator[Answer]:
    """Read the frames that were played once more, each with the heatmap that came back for it."""
    for sample, frame in zip(source.samples(), playback.frames, strict=True):
        yield Answer(sample, None if frame.slot is None else spool.read(frame.slot), frame.stages_ms)
