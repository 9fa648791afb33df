"""Match what a node published with the frames that were played, by stamp."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore, StoredHeatmap
from fishy_ros.types import ScoreMap

ROUND_TRIP = "round_trip"
"""The stage measured by the harness itself: from handing the image to the bus to holding its heatmap."""


@dataclass(frozen=True)
class PlayedFrame:
    """One frame that was played, and what came back for it."""

    index: int
    """Place in the source."""
    id: str
    stored: StoredHeatmap | None
    """Its heatmap in the store; None when none was published."""
    stages_ms: Mapping[str, float]
    """Latency by stage as the node reported it, and `ROUND_TRIP`; empty when nothing arrived."""
    sent_ns: int = 0
    """When it was handed to the bus, on the monotonic clock."""
    stamp_ns: int = 0
    """With which it was played."""


@dataclass(frozen=True)
class Playback:
    """Everything that one run through a node gave."""

    frames: tuple[PlayedFrame, ...]
    """In the order in which they were played."""
    duplicates: tuple[str, ...] = ()
    """Frames whose heatmap arrived more than once; the first one counts."""
    unexpected: int = 0
    """Heatmaps with a stamp that was not played."""
    duration_s: float = 0.0
    """From the first image to the last heatmap."""
    notes: tuple[str, ...] = ()
    """What a reader has to know about the run."""

    @property
    def published(self) -> int:
        """Number of frames whose heatmap arrived."""
        return sum(frame.stored is not None for frame in self.frames)

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of the frames without a heatmap."""
        return tuple(frame.id for frame in self.frames if frame.stored is None)


@dataclass
class _Entry:
    index: int
    id: str
    sent_ns: int
    place: int
    stored: StoredHeatmap | None = None
    stages_ms: dict[str, float] = field(default_factory=dict)
    has_latency: bool = False


class Recorder:
    """Collects heatmaps and latencies by stamp; one thread plays, another one receives.

    An error raised while a heatmap is kept (a full disk) is raised again in the playing thread.
    """

    def __init__(self, store: HeatmapStore) -> None:
        self._store = store
        self._entries: dict[int, _Entry] = {}
        self._duplicates: list[str] = []
        self._unexpected = 0
        self._unreadable: Counter[str] = Counter()
        self.arrived = 0
        """Number of played frames whose heatmap has arrived so far."""
        self._newest = -1
        self._last_arrival_ns = 0
        self._error: Exception | None = None
        self._changed = threading.Condition()

    @property
    def played(self) -> int:
        """Number of frames played so far."""
        return len(self._entries)

    @property
    def overtaken(self) -> int:
        """Number of frames that are dropped for certain: a later one has its heatmap, they have none."""
        with self._changed:
            return self._newest + 1 - self.arrived

    @property
    def longest_s(self) -> float:
        """The longest time that a heatmap has taken so far, in s."""
        return max((entry.stages_ms.get(ROUND_TRIP, 0.0) for entry in self._entries.values()), default=0.0) / 1e3

    def note_played(self, stamp_ns: int, index: int, frame_id: str) -> None:
        """Remember that frame `index` is about to be published with `stamp_ns`, which must be new."""
        with self._changed:
            if stamp_ns in self._entries:
                raise ValueError(f"frame {frame_id!r} is played with the stamp of {self._entries[stamp_ns].id!r}")
            self._entries[stamp_ns] = _Entry(index, frame_id, time.monotonic_ns(), place=len(self._entries))

    def note_heatmap(self, stamp_ns: int, score: ScoreMap) -> None:
        """Take the heatmap that was published with `stamp_ns`, float32 `[h, w]`; it is copied."""
        now = time.monotonic_ns()
        with self._changed:
            entry = self._entries.get(stamp_ns)
            if entry is None:
                self._unexpected += 1
                return
            if entry.stored is not None:
                self._duplicates.append(entry.id)
                return
            try:
                entry.stored = self._store.append(score)
            except ScoreError as error:
                self._error = error
            entry.stages_ms[ROUND_TRIP] = (now - entry.sent_ns) / 1e6
            self.arrived += 1
            self._newest = max(self._newest, entry.place)
            self._last_arrival_ns = now
            self._changed.notify_all()

    def note_latency(self, stamp_ns: int, stages_ms: Mapping[str, float]) -> None:
        """Take the latency by stage that was published with `stamp_ns`."""
        with self._changed:
            entry = self._entries.get(stamp_ns)
            if entry is not None:
                entry.stages_ms.update(stages_ms)
                entry.has_latency = True
                self._changed.notify_all()

    def note_unreadable(self, reason: str) -> None:
        """Count a message that cannot be read; the playback names every reason once."""
        with self._changed:
            self._unreadable[reason] += 1

    def fail(self, error: Exception) -> None:
        """Make every present and future wait raise `error`: the node is gone, or the disk is full."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def wait_for(self, stamp_ns: int, timeout_s: float) -> bool:
        """Wait until the heatmap of `stamp_ns` is here; False when the time is up."""
        entry = self._entries[stamp_ns]
        return self._wait(lambda: entry.stored is not None, timeout_s)

    def wait_for_all(self, quiet_s: float) -> None:
        """Wait until every heatmap and latency is here, or no further heatmap came for `quiet_s`."""
        while True:
            before = self.arrived
            if self._wait(self._is_complete, quiet_s) or self.arrived == before:
                return

    def pause(self, seconds: float) -> None:
        """Sleep for `seconds`, unless something fails meanwhile."""
        self._wait(lambda: False, seconds)

    def playback(self, notes: tuple[str, ...] = ()) -> Playback:
        """Return what has been collected."""
        with self._changed:
            entries = list(self._entries.values())
            started = entries[0].sent_ns if entries else 0
            frames = tuple(
                PlayedFrame(e.index, e.id, e.stored, dict(e.stages_ms), e.sent_ns, stamp_ns)
                for stamp_ns, e in self._entries.items()
            )
            return Playback(
                frames=frames,
                duplicates=tuple(self._duplicates),
                unexpected=self._unexpected,
                duration_s=max(0, self._last_arrival_ns - started) / 1e9,
                notes=(*notes, *(f"{count} messages unread: {why}" for why, count in self._unreadable.items())),
            )

    def _is_complete(self) -> bool:
        return all(entry.stored is not None and entry.has_latency for entry in self._entries.values())

    def _wait(self, is_done: Callable[[], bool], timeout_s: float) -> bool:
        with self._changed:
            done = self._changed.wait_for(lambda: self._error is not None or is_done(), timeout_s)
            if self._error is not None:
                raise self._error
            return done
