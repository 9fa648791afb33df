"""Count what happens to every frame, and remember how long the last ones took."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

PERCENTILES: tuple[int, ...] = (50, 95, 99)


_RUNS = itertools.count(1)


@dataclass(frozen=True)
class FrameTotals:
    """Counts since the node was activated; every frame received ends up in one of the others."""

    run: int = 0
    """Number of the activation that the counts belong to."""
    received: int = 0
    published: int = 0
    overtaken: int = 0
    """Dropped because a newer frame came, or the node was stopped, before this one's turn."""
    bad: int = 0
    """Dropped because the image could not be decoded."""
    failed: int = 0
    """Dropped because the inference failed."""
    unknown: int = 0
    """How many of these were given a heatmap of ones."""
    stale: int = 0
    """Dropped because its stamp is not newer than one that was published."""
    unstamped: int = 0
    """Handled although the stamp is 0, so that nobody knows whether they are stale; each is in another count too."""
    without_age: int = 0
    """Published although the stamp lies in the future of the node's clock; each is in `published` too."""
    lost: int = 0
    """Frames that the middleware lost before the node could receive them; not in `received`."""
    stamp_restarts: int = 0
    """How often the camera's clock went back and the order of stamps began anew."""
    last_image_at: float | None = None
    """Monotonic time of the last frame, in s."""
    last_bad: str = ""
    """Why the last bad image was bad."""
    last_stale: str = ""
    """Why the last stale image was stale."""
    last_without_age: str = ""
    """Why the age of the last such frame is not known."""
    last_error: str = ""
    """Why the last failed inference failed."""
    is_failing: bool = False
    """Whether the latest inference failed."""

    @property
    def dropped(self) -> int:
        """Frames that came, or should have, and for which there is no heatmap."""
        return self.overtaken + self.bad + self.failed + self.stale + self.lost


class FrameCounters:
    """The one place that counts frames. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals = FrameTotals(run=next(_RUNS))

    def totals(self) -> FrameTotals:
        """Return the counts so far."""
        return self._totals

    def note_received(self) -> None:
        """Count a frame that arrived."""
        with self._lock:
            self._totals = replace(self._totals, received=self._totals.received + 1, last_image_at=time.monotonic())

    def note_published(self) -> None:
        """Count a frame whose heatmap was published."""
        with self._lock:
            self._totals = replace(self._totals, published=self._totals.published + 1, is_failing=False)

    def note_overtaken(self) -> None:
        """Count a frame that a newer one replaced."""
        with self._lock:
            self._totals = replace(self._totals, overtaken=self._totals.overtaken + 1)

    def note_bad(self, reason: str) -> None:
        """Count an image that could not be decoded."""
        with self._lock:
            self._totals = replace(self._totals, bad=self._totals.bad + 1, last_bad=reason)

    def note_failed(self, reason: str) -> None:
        """Count a frame on which the inference failed."""
        with self._lock:
            failed = self._totals.failed + 1
            self._totals = replace(self._totals, failed=failed, last_error=reason, is_failing=True)

    def note_unknown(self) -> None:
        """Count a failed frame for which a heatmap of ones was published."""
        with self._lock:
            self._totals = replace(self._totals, unknown=self._totals.unknown + 1)

    def note_stale(self, reason: str) -> None:
        """Count an image whose stamp is not newer than one that was published."""
        with self._lock:
            self._totals = replace(self._totals, stale=self._totals.stale + 1, last_stale=reason)

    def note_without_age(self, reason: str) -> None:
        """Count a frame whose age is not known though it has a stamp."""
        with self._lock:
            self._totals = replace(self._totals, without_age=self._totals.without_age + 1, last_without_age=reason)

    def note_unstamped(self) -> None:
        """Count an image whose stamp is 0."""
        with self._lock:
            self._totals = replace(self._totals, unstamped=self._totals.unstamped + 1)

    def note_stamp_restart(self) -> None:
        """Count a camera clock that went back for good."""
        with self._lock:
            self._totals = replace(self._totals, stamp_restarts=self._totals.stamp_restarts + 1)

    def note_lost(self, count: int) -> None:
        """Count frames that the middleware lost."""
        with self._lock:
            self._totals = replace(self._totals, lost=self._totals.lost + count)


class LatencyWindow:
    """Latencies of the last frames. Any thread may use it."""

    def __init__(self, frames: int = 300) -> None:
        """Remember the last `frames` values of every stage."""
        self._lock = threading.Lock()
        self._frames = frames
        self._stages: dict[str, deque[float]] = {}

    def add(self, stages_ms: Mapping[str, float]) -> None:
        """Remember one frame; values that are not finite are left out."""
        with self._lock:
            for stage, ms in stages_ms.items():
                if np.isfinite(ms):
                    self._stages.setdefault(stage, deque(maxlen=self._frames)).append(ms)

    def percentiles(self) -> dict[str, tuple[float, ...]]:
        """Return `PERCENTILES` of every stage in ms, in the order in which the stages first came."""
        with self._lock:
            copies = {stage: list(values) for stage, values in self._stages.items()}
        return {
            stage: tuple(float(value) for value in np.percentile(values, PERCENTILES))
            for stage, values in copies.items()
        }
