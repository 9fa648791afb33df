"""Score a whole set of frames: read ahead, prepare in threads, accumulate in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from fishy_ros.evaluation.replay.play import Progress
from fishy_ros.evaluation.scoring.score import PreparedFrame, ScoredFrame, Scorer, prepare_frame
from fishy_ros.evaluation.scoring.summary import ScoreSummary
from fishy_ros.evaluation.sources.prefetch import Prefetch
from fishy_ros.imaging import resize_score
from fishy_ros.metrics.component import ComponentAccumulator, ComponentMetrics, Track


def score_frames(
    frames: Callable[[], Iterable[ScoredFrame]], track: Track | None = None, progress: Progress | None = None
) -> ScoreSummary:
    """Score all frames.

    Args:
        frames: gives the frames anew at every call; called a second time where component metrics are wanted,
            because their threshold comes from the pixel curve of all frames.
        track: the component metrics to compute; None leaves them out.
        progress: told how many frames are scored.

    Raises:
        ScoreError: a frame cannot be scored; the message names it.
    """
    scorer = Scorer()
    for done, prepared in enumerate(prepare_frames(frames()), start=1):
        scorer.add(prepared)
        if progress:
            progress(done)
    summary = scorer.compute()
    if track is None or summary.pixel is None:
        return summary
    return replace(summary, component=score_components(frames(), summary.pixel.best_f1_threshold, track))


def score_components(frames: Iterable[ScoredFrame], threshold: float, track: Track) -> ComponentMetrics:
    """Evaluate components at one threshold; frames without labels are left out, frames that come twice too."""
    components = ComponentAccumulator(threshold, track)
    seen: set[str] = set()
    for frame in frames:
        if frame.labels is not None and frame.id not in seen:
            seen.add(frame.id)
            components.update(resize_score(frame.score, *frame.labels.shape), frame.labels, frame.id)
    return components.compute()


def prepare_frames(frames: Iterable[ScoredFrame]) -> Iterator[PreparedFrame]:
    """Read ahead and prepare frames in a few threads while the caller uses earlier ones; the order stays."""
    workers = min(4, max(1, (os.cpu_count() or 2) - 1))
    pending: deque[Future[PreparedFrame]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="prepare") as pool:
        for frame in Prefetch(frames, depth=1):
            pending.append(pool.submit(prepare_frame, frame))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
