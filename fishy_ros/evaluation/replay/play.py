"""Play frames into a node: at the source's own rate, at a given rate, or each after the heatmap of the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.replay.match import Recorder
from fishy_ros.evaluation.sources.source import PlayFrame
from fishy_ros.evaluation.sources.stamps import StampCheck
from fishy_ros.types import ScoreMap

QUIET_S = (0.5, 5.0)
"""After the last frame, wait five times as long as the slowest frame took, but at least and at most this, for one
more heatmap before calling the rest missing."""

MISSING_IN_A_ROW = 3
"""So many missing frames in a row end a lockstep run: the node has stopped working."""


DECODE_AFTER_S = 1.0
"""In lockstep, a heatmap that takes longer than this may be that of an image which cannot be decoded."""

LATE_S = 0.02
"""A player that falls behind its schedule by more than this is reported."""


class Listener(Protocol):
    """Receives what a node publishes, on the thread that listens to the bus."""

    def note_heatmap(self, stamp_ns: int, score: ScoreMap) -> None:
        """Take a heatmap, float32 `[h, w]`, valid only during the call."""
        ...

    def note_latency(self, stamp_ns: int, stages_ms: Mapping[str, float]) -> None:
        """Take the latency of a frame in ms by stage."""
        ...

    def note_unreadable(self, reason: str) -> None:
        """Take note of a message on the node's topics that cannot be read."""
        ...


class NodeChannel(Protocol):
    """A connection to a running detector node: images in, heatmaps and latencies out."""

    def listen(self, listener: Listener) -> None:
        """Hand everything that arrives from now on to `listener`."""
        ...

    def publish(self, frame: PlayFrame, stamp_ns: int) -> None:
        """Publish the image of `frame` with `stamp_ns` in its header."""
        ...


@dataclass(frozen=True)
class Lockstep:
    """Play the next frame only after the heatmap of the previous one has arrived."""

    timeout_s: float = 30.0
    """Give up on a frame after this time; it counts as dropped and is named."""


@dataclass(frozen=True)
class Timed:
    """Play at the stamps of the source, or at a fixed rate, whatever the node does."""

    rate_hz: float | None = None
    """Frames a second; None plays at the rate of the source."""


Pacing: TypeAlias = Lockstep | Timed
Progress: TypeAlias = Callable[[int], None]
"""Called with the number of frames that are done."""


def play(
    frames: Iterable[PlayFrame], channel: NodeChannel, recorder: Recorder, pacing: Pacing, progress: Progress
) -> tuple[str, ...]:
    """Publish every frame through `channel`, wait for the heatmaps, and return notes on what went wrong.

    Every frame gets the time of its publication as stamp, so that stamps are unique and ages mean something.

    Raises:
        ReplayError: the node died, or published none for `MISSING_IN_A_ROW` frames in a row in lockstep.
    """
    channel.listen(recorder)
    stamps = StampCheck()
    if isinstance(pacing, Lockstep):
        notes = _play_lockstep(_checked(frames, stamps), channel, recorder, pacing, progress)
    else:
        notes = _play_timed(_checked(frames, stamps), channel, recorder, pacing, progress)
    recorder.wait_for_all(min(max(5 * recorder.longest_s, QUIET_S[0]), QUIET_S[1]))
    return (*stamps.notes, *notes)


def warm_up(frame: PlayFrame, channel: NodeChannel, recorder: Recorder, timeout_s: float = 60.0) -> None:
    """Publish `frame` until a heatmap comes back: the node is connected both ways, and its engine is warm.

    Raises:
        ReplayError: nothing came back in `timeout_s`.
    """
    channel.listen(recorder)
    deadline = time.monotonic() + timeout_s
    stamp_ns = 0
    while time.monotonic() < deadline:
        stamp_ns = _next_stamp(stamp_ns)
        recorder.note_played(stamp_ns, frame.index, frame.id)
        channel.publish(frame, stamp_ns)
        if recorder.wait_for(stamp_ns, min(5.0, timeout_s)):
            recorder.wait_for_all(quiet_s=0.5)
            return
    raise ReplayError(f"the node gave no heatmap for the first frame ({frame.id}) in {timeout_s:g} s")


def _play_lockstep(
    frames: Iterable[PlayFrame], channel: NodeChannel, recorder: Recorder, pacing: Lockstep, progress: Progress
) -> tuple[str, ...]:
    stamp_ns, missing = 0, 0
    notes: list[str] = []
    for frame in frames:
        stamp_ns = _next_stamp(stamp_ns)
        recorder.note_played(stamp_ns, frame.index, frame.id)
        channel.publish(frame, stamp_ns)
        if _is_answered(frame, stamp_ns, recorder, pacing.timeout_s):
            missing = 0
        else:
            missing += 1
            notes.append(f"no heatmap for frame {frame.id} in {pacing.timeout_s:g} s")
        if missing == MISSING_IN_A_ROW:
            raise ReplayError(
                f"the node published no heatmap for {missing} frames in a row, the last was {frame.id}; "
                f"{recorder.arrived} of {recorder.played} frames came back before"
            )
        progress(recorder.played)
    return tuple(notes)


def _is_answered(frame: PlayFrame, stamp_ns: int, recorder: Recorder, timeout_s: float) -> bool:
    """Wait for a heatmap; True at once where none can come, because the image cannot be decoded."""
    first_s = min(DECODE_AFTER_S, timeout_s)
    if recorder.wait_for(stamp_ns, first_s):
        return True
    return bool(frame.problem()) or recorder.wait_for(stamp_ns, timeout_s - first_s)


def _play_timed(
    frames: Iterable[PlayFrame], channel: NodeChannel, recorder: Recorder, pacing: Timed, progress: Progress
) -> tuple[str, ...]:
    stamp_ns, late_s = 0, 0.0
    started, first_due = None, 0.0
    for count, frame in enumerate(frames):
        due = frame.due_s if pacing.rate_hz is None else count / pacing.rate_hz
        if started is None:
            started, first_due = time.monotonic(), due
        wait_s = started + due - first_due - time.monotonic()
        late_s = max(late_s, -wait_s)
        recorder.pause(max(0.0, wait_s))
        stamp_ns = _next_stamp(stamp_ns)
        recorder.note_played(stamp_ns, frame.index, frame.id)
        channel.publish(frame, stamp_ns)
        progress(recorder.played)
    return (f"the player was up to {late_s * 1e3:.0f} ms late",) if late_s > LATE_S else ()


def _checked(frames: Iterable[PlayFrame], stamps: StampCheck) -> Iterator[PlayFrame]:
    for frame in frames:
        stamps.see(frame)
        yield frame


def _next_stamp(last_ns: int) -> int:
    return max(time.time_ns(), last_ns + 1)
