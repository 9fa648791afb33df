"""A camera of a soak: plays pictures at a rate, samples the node, and can do what no camera should."""

from __future__ import annotations

import itertools
import os
import signal
import statistics
import time
from collections.abc import Callable, Sequence

from fishy_ros.evaluation.live.replay_player import ReplayPlayer
from fishy_ros.evaluation.replay.detector_process import DetectorProcess
from fishy_ros.evaluation.soak.process_stats import process_stats
from fishy_ros.evaluation.soak.soak_audit import SoakAudit
from fishy_ros.evaluation.soak.soak_result import SoakSample
from fishy_ros.evaluation.sources.source import PlayFrame

_PATIENCE_S = 15.0


class SoakDriver:
    """Everything that a fault needs: the player, the node's process and the audit of what comes back."""

    def __init__(
        self,
        player: ReplayPlayer,
        detector: DetectorProcess,
        audit: SoakAudit,
        pictures: Sequence[PlayFrame],
        rate_hz: float,
        sample_every_s: float,
    ) -> None:
        """Prepare to play `pictures` in turn; the index of each is its place in the audit."""
        self.player = player
        self.detector = detector
        self.rate_hz = rate_hz
        self.samples: list[SoakSample] = []
        self._audit = audit
        self._pictures = itertools.cycle(pictures)
        self._sample_every_s = sample_every_s
        self._stamp_ns = 0
        self._started = time.monotonic()
        self._next_sample = self._started
        player.listen(audit)

    @property
    def now_s(self) -> float:
        """Seconds since the start of the soak."""
        return time.monotonic() - self._started

    def play(self, seconds: float, rate_hz: float | None = None, pictures: Sequence[PlayFrame] = ()) -> None:
        """Play at `rate_hz` (default: the soak's own) for some time; rate 0 is silence.

        Raises:
            ReplayError: the node has ended.
        """
        deadline = time.monotonic() + seconds
        self._play(lambda: time.monotonic() >= deadline, self.rate_hz if rate_hz is None else rate_hz, pictures)

    def recover(self) -> float | None:
        """Play until a frame that is sent from now on has its heatmap; returns how long that took, None if none came.

        Raises:
            ReplayError: the node has ended.
        """
        since = time.monotonic()
        self._play(
            lambda: self._audit.has_heatmap_since(since) or time.monotonic() > since + _PATIENCE_S, self.rate_hz, ()
        )
        return time.monotonic() - since if self._audit.has_heatmap_since(since) else None

    def send_as_it_is(self, message: bytes, behind_s: float = 0.0) -> None:
        """Send a message that must get no heatmap, stamped now or `behind_s` seconds ago."""
        self.player.publish(PlayFrame(0, "", message), self._new_stamp() - round(behind_s * 1e9))

    def freeze(self, seconds: float) -> None:
        """Stop the node's process for some time, while the camera goes on."""
        os.kill(self.detector.pid, signal.SIGSTOP)
        try:
            self.play(seconds)
        finally:
            os.kill(self.detector.pid, signal.SIGCONT)

    def _play(self, is_done: Callable[[], bool], rate_hz: float, pictures: Sequence[PlayFrame]) -> None:
        chosen = itertools.cycle(pictures) if pictures else self._pictures
        due = time.monotonic()
        while not is_done():
            self.detector.check()
            now = time.monotonic()
            if rate_hz and now >= due:
                self._send(next(chosen))
                due = max(due + 1.0 / rate_hz, now)
            if now >= self._next_sample:
                self._sample()
            self._audit.wait(min(0.05, max(0.0, due - time.monotonic()) if rate_hz else 0.05))

    def _send(self, frame: PlayFrame) -> None:
        stamp_ns = self._new_stamp()
        self._audit.note_sent(stamp_ns, frame.index)
        self.player.publish(frame, stamp_ns)

    def _new_stamp(self) -> int:
        self._stamp_ns = max(time.time_ns(), self._stamp_ns + 1)
        return self._stamp_ns

    def _sample(self) -> None:
        stats, round_trips = process_stats(self.detector.pid), self._audit.take_round_trips_ms()
        self.samples.append(
            SoakSample(
                at_s=self.now_s,
                rss_bytes=stats.rss_bytes,
                shared_bytes=stats.shared_bytes,
                descriptors=stats.descriptors,
                threads=stats.threads,
                heatmaps=len(round_trips),
                round_trip_ms=statistics.median(round_trips) if round_trips else None,
                round_trip_max_ms=max(round_trips) if round_trips else None,
            )
        )
        self._next_sample = time.monotonic() + self._sample_every_s
