"""Score the frames of a replay, and put together everything that its report holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.replay.detected_frame import DetectedFrame
from fishy_ros.evaluation.replay.play import Progress
from fishy_ros.evaluation.result import FrameCounts, FrameLatency, ReplayResult
from fishy_ros.evaluation.scoring.evaluate import score_components, score_frames
from fishy_ros.evaluation.scoring.score import ScoredFrame
from fishy_ros.evaluation.scoring.summary import ScoreSummary
from fishy_ros.evaluation.sources.source import UnreadableFrame
from fishy_ros.metrics.component import Track

_NAMED = 10
"""So many missing frames are named one by one."""


@dataclass(frozen=True)
class ComponentPass:
    """What the component metrics need: their threshold comes from all frames, so they see the frames a second time."""

    track: Track
    detected_frames: Callable[[], Iterable[DetectedFrame]]
    """Gives the frames once more."""


def build_result(
    run: ReplayResult,
    detected_frames: Iterable[DetectedFrame],
    progress: Progress,
    on_detected: Callable[[DetectedFrame], object] = lambda detected: None,
    components: ComponentPass | None = None,
) -> ReplayResult:
    """Score every frame that has a heatmap and ground truth, and add what was found to what is known of the run.

    `on_detected` sees every frame in order of play; `progress` is told how many have been taken. `components` asks
    for the component metrics, which need the frames once more.

    Raises:
        ScoreError: a heatmap cannot be scored; the frame is named.
    """
    latencies: list[FrameLatency] = []
    missing: list[str] = []
    unreadable: list[UnreadableFrame] = []

    def scored() -> Iterator[ScoredFrame]:
        for count, detected in enumerate(detected_frames, start=1):
            on_detected(detected)
            latencies.append(FrameLatency(detected.sample.id, detected.stages_ms))
            if isinstance(detected.sample, UnreadableFrame):
                unreadable.append(detected.sample)
            if detected.score is None:
                missing.append(detected.sample.id)
            else:
                yield detected.scored(detected.score)
            progress(count)

    summary = score_frames(scored)
    if components is not None and summary.pixel is not None:
        frames = (
            detected.scored(detected.score) for detected in components.detected_frames() if detected.score is not None
        )
        found = score_components(frames, summary.pixel.best_f1_threshold, components.track)
        summary = replace(summary, component=found)
    return assemble_result(run, summary, latencies, missing, unreadable)


def assemble_result(
    run: ReplayResult,
    summary: ScoreSummary,
    latencies: Sequence[FrameLatency],
    missing: Sequence[str],
    unreadable: Sequence[UnreadableFrame] = (),
) -> ReplayResult:
    """Add what was found to what is known of a run; `latencies` has an entry for every frame played.

    `missing` names the frames without a heatmap, those that are `unreadable` among them.

    Raises:
        ReplayError: no frame can be read.
    """
    played = len(latencies)
    if unreadable and len(unreadable) == played:
        first = unreadable[0]
        raise ReplayError(f"none of the {played} frames can be read; the first is {first.id}: {first.reason}")
    return replace(
        run,
        frames=FrameCounts(played, played - len(missing), len(missing)),
        score=summary,
        latencies=tuple(latency for latency in latencies if latency.stages_ms),
        warnings=(*run.warnings, *_describe_unreadable(unreadable), *_describe_missing(missing)),
    )


def _describe_unreadable(frames: Sequence[UnreadableFrame]) -> tuple[str, ...]:
    named = [f"frame {frame.id} cannot be read and counts as without heatmap: {frame.reason}" for frame in frames]
    more = (f"{len(frames) - _NAMED} more frames cannot be read",) if len(frames) > _NAMED else ()
    return (*named[:_NAMED], *more)


def _describe_missing(missing: Sequence[str]) -> tuple[str, ...]:
    if not missing:
        return ()
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return (f"no heatmap for {len(missing)} frames: {', '.join(missing[:_NAMED])}{more}",)
