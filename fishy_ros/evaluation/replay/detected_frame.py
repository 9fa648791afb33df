"""A frame together with the heatmap that the detector made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore
from fishy_ros.evaluation.replay.match import Playback
from fishy_ros.evaluation.replay.published_classes import PublishedClasses
from fishy_ros.evaluation.scoring.score import ScoredFrame
from fishy_ros.evaluation.sources.source import FrameSource, UnreadableFrame
from fishy_ros.imaging import resize_classes
from fishy_ros.types import LabelMap, Sample, ScoreMap


@dataclass(frozen=True)
class DetectedFrame:
    """One frame, its heatmap and its latency."""

    sample: Sample | UnreadableFrame
    score: ScoreMap | None
    """float32 `[h, w]`; None when the frame was dropped."""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    """Latency by stage."""
    classes: LabelMap | None = None
    """Predicted train ids, uint8 `[h, w]`; None where only the heatmap is known."""

    def scored(self, score: ScoreMap) -> ScoredFrame:
        """Put `score` beside what is known of the frame; classes only where both predicted and true ones are."""
        sample, classes = self.sample, None
        assert isinstance(sample, Sample), "what cannot be read has no heatmap"
        if self.classes is not None and sample.classes is not None:
            classes = resize_classes(self.classes, *sample.classes.shape)
        return ScoredFrame(sample.id, score, sample.labels, sample.image, classes, sample.classes)


def detected_frames(
    source: FrameSource, playback: Playback, store: HeatmapStore, classes: PublishedClasses | None = None
) -> Iterator[DetectedFrame]:
    """Read the frames that were played once more, each with the heatmap that came back for it, and its classes."""
    played = {frame.index: frame for frame in playback.frames}
    for index, sample in enumerate(source.samples()):
        frame = played.get(index)
        if frame is None or isinstance(sample, UnreadableFrame):
            yield DetectedFrame(sample, None)
        else:
            score = None if frame.stored is None else store.read(frame.stored)
            labels = None if score is None or classes is None else classes.find(frame.stamp_ns)
            if labels is not None and score is not None:
                labels = resize_classes(labels, *score.shape)
            yield DetectedFrame(sample, score, frame.stages_ms, labels)
