"""Find the highest input rate that a node keeps up with."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fishy_ros.errors import ReplayError, ScoreError
from fishy_ros.evaluation.environment import describe_environment
from fishy_ros.evaluation.replay.match import ROUND_TRIP, Playback, Recorder
from fishy_ros.evaluation.replay.request import ReplayRequest
from fishy_ros.evaluation.sources.source import FrameSource, PlayFrame, readable_frames
from fishy_ros.files import write_json

DROPPED_SHARE = 0.01
"""A rate counts as kept up with while fewer frames than this share are dropped."""
CALM_SHARE = 0.8
"""Of the peak rate: how long frames take is also measured at this share of it, where nothing should queue."""
RUNS = 5
"""Independent searches; the best and the worst are discarded."""
_RESOLUTION = 1.04
_GROWTH = 1.5
_GROWTH_AGAIN = 1.15
"""Steps of the first search, and of those that start where an earlier one ended."""
_MAX_RATE_HZ = 1000.0
_MEMORY_LIMIT = 2 << 30


@dataclass(frozen=True)
class PeakTrial:
    """What happened at one input rate."""

    rate_hz: float
    """Frames a second that were really played."""
    played: int
    published: int
    latency_ms: float
    """Median time from handing a frame to the bus to holding its heatmap."""
    latency_p99_ms: float
    jitter_ms: float
    """Standard deviation of the time between two heatmaps."""

    @property
    def keeps_up(self) -> bool:
        """Whether fewer than `DROPPED_SHARE` of the frames were dropped."""
        return self.played - self.published < DROPPED_SHARE * self.played


@dataclass(frozen=True)
class Peak:
    """The highest rate over several runs."""

    rate_hz: float
    """Mean of the runs that count."""
    latency_ms: float
    jitter_ms: float
    spread: float
    """Largest relative deviation of a run that counts from `rate_hz`."""
    counted: tuple[PeakTrial, ...]
    discarded: tuple[PeakTrial, ...]
    """The best and the worst run."""
    calm: PeakTrial
    """One run at `CALM_SHARE` of `rate_hz`."""


def find_peak(run: Callable[[float], PeakTrial], start_hz: float, runs: int = RUNS) -> Peak:
    """Search for the highest rate with less than 1 % dropped, `runs` times; the best and the worst are discarded.

    In the end it plays at `CALM_SHARE` of what was found. `run` plays at a rate and says what happened; `start_hz` is a
    first guess.

    Raises:
        ReplayError: even the lowest rate drops frames.
    """
    found = [_search(run, start_hz, _GROWTH)]
    while len(found) < runs:
        found.append(_search(run, found[-1].rate_hz, _GROWTH_AGAIN))
    ranked = sorted(found, key=lambda trial: trial.rate_hz)
    counted = tuple(ranked[1:-1]) if len(ranked) > 2 else tuple(ranked)
    discarded = (ranked[0], ranked[-1]) if len(ranked) > 2 else ()
    rate_hz = statistics.fmean(trial.rate_hz for trial in counted)
    return Peak(
        rate_hz=rate_hz,
        latency_ms=statistics.fmean(trial.latency_ms for trial in counted),
        jitter_ms=statistics.fmean(trial.jitter_ms for trial in counted),
        spread=max(abs(trial.rate_hz / rate_hz - 1) for trial in counted),
        counted=counted,
        discarded=discarded,
        calm=run(CALM_SHARE * rate_hz),
    )


def trial_of(playback: Playback) -> PeakTrial:
    """Summarise one run at a fixed rate."""
    sent = [frame.sent_ns for frame in playback.frames]
    round_trips = [frame.stages_ms[ROUND_TRIP] for frame in playback.frames if ROUND_TRIP in frame.stages_ms]
    arrivals = [f.sent_ns / 1e6 + f.stages_ms[ROUND_TRIP] for f in playback.frames if ROUND_TRIP in f.stages_ms]
    latency = np.percentile(round_trips, [50, 99]) if round_trips else (np.nan, np.nan)
    return PeakTrial(
        rate_hz=(len(sent) - 1) / (sent[-1] - sent[0]) * 1e9,
        played=len(sent),
        published=playback.published,
        latency_ms=float(latency[0]),
        latency_p99_ms=float(latency[1]),
        jitter_ms=float(np.std(np.diff(arrivals))) if len(arrivals) > 1 else float("nan"),
    )


def until_hopeless(frames: Iterable[PlayFrame], recorder: Recorder, count: int) -> Iterator[PlayFrame]:
    """Yield `frames`, `count` of them, until so many have been dropped that the rate cannot be kept up with."""
    for frame in frames:
        if recorder.overtaken >= DROPPED_SHARE * count:
            return
        yield frame


def peak_text(peak: Peak) -> str:
    """Say in a few lines what was found."""
    runs = ", ".join(f"{trial.rate_hz:.2f}" for trial in peak.counted)
    discarded = ", ".join(f"{trial.rate_hz:.2f}" for trial in peak.discarded) or "none"
    calm = peak.calm
    return (
        f"peak rate  {peak.rate_hz:.2f} frames/s with under {DROPPED_SHARE:.0%} dropped\n"
        f"runs       {runs} (discarded: {discarded}), within {peak.spread:.1%} of the mean\n"
        f"latency    {peak.latency_ms:.1f} ms in the median\n"
        f"jitter     {peak.jitter_ms:.1f} ms between heatmaps (standard deviation)\n"
        f"at {CALM_SHARE:.0%}     {calm.latency_ms:.1f} ms in the median, {calm.latency_p99_ms:.1f} ms in the 99th "
        f"percentile, {calm.played - calm.published} of {calm.played} dropped"
    )


def write_peak(peak: Peak, request: ReplayRequest, out: Path) -> Path:
    """Write `peak.json` with the runs, the environment and what was played; whole or not at all.

    The model of a node that was running already is not known here, and null.

    Returns:
        Its path.

    Raises:
        ScoreError: the folder cannot be written.
    """
    report = {
        "peak": asdict(peak),
        "dropped_share": DROPPED_SHARE,
        "model": None if request.is_elsewhere else request.detector.model,
        "source": asdict(request.source.open().describe()),
        "environment": asdict(describe_environment()),
    }
    path = out / "peak.json"
    try:
        write_json(path, report)
    except OSError as error:
        raise ScoreError(f"{out}: the peak cannot be written: {error.strerror or error}") from error
    return path


def hold_in_memory(source: FrameSource) -> tuple[PlayFrame, ...]:
    """Read as many frames of `source` as fit into 2 GiB."""
    frames, total = [], 0
    for frame in readable_frames(source):
        total += len(frame.message)
        if total > _MEMORY_LIMIT:
            break
        frames.append(frame)
    return tuple(frames)


def _search(run: Callable[[float], PeakTrial], start_hz: float, growth: float) -> PeakTrial:
    """Bracket the peak by steps of `growth`, then halve the bracket down to `_RESOLUTION`."""
    best, rate_hz = None, start_hz
    upper_hz = _MAX_RATE_HZ
    while best is None:
        trial = run(rate_hz)
        if trial.keeps_up:
            best = trial
        else:
            upper_hz, rate_hz = rate_hz, rate_hz / growth
        if rate_hz < 0.1:
            raise ReplayError("the node drops frames even at 0.1 frames per second")
    lower_hz = rate_hz
    while upper_hz / lower_hz > _RESOLUTION:
        rate_hz = min(lower_hz * growth, (lower_hz * upper_hz) ** 0.5)
        trial = run(rate_hz)
        if trial.keeps_up and trial.rate_hz > 0.95 * rate_hz:
            best, lower_hz = trial, rate_hz
        else:
            upper_hz = rate_hz
    return best
