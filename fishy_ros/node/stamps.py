"""What stamps and numbers of messages tell: their order, the age of a frame, and frames that were lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

UNSTAMPED_NS: int = 0
"""The stamp of an image whose driver has set none."""
PATIENCE_S: float = 0.5
"""After so long without a newer stamp, a clock that runs behind the last published stamp is believed."""


class StampOrder:
    """Judge the stamp of every frame before any work is done on it; one thread uses an instance.

    A frame whose stamp was published already, or that is older than the last one published, is refused. If only older
    stamps came for `PATIENCE_S`, and they advance, then the camera's clock was set back (a simulation restarted, a bag
    looped, a single stamp lay far in the future): the order begins anew. A stamp of 0 says nothing about time: such a
    frame is never refused, and the order of the others does not know of it.
    """

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._behind_ns: int | None = None
        self._behind_since_s = 0.0
        self._restarts = 0

    @property
    def restarts(self) -> int:
        """How often the order began anew."""
        return self._restarts

    def refusal(self, stamp_ns: int, now_s: float) -> str:
        """Say why a frame must not be published; empty if it may be. `now_s` is monotonic time."""
        if stamp_ns == UNSTAMPED_NS:
            return ""
        if self._last_ns is None or stamp_ns > self._last_ns:
            self._behind_ns = None
            return ""
        before_ns, self._behind_ns = self._behind_ns, stamp_ns
        if before_ns is None:
            self._behind_since_s = now_s
        elif stamp_ns > before_ns and now_s - self._behind_since_s >= PATIENCE_S:
            self._last_ns = self._behind_ns = None
            self._restarts += 1
            return ""
        behind_s = (self._last_ns - stamp_ns) * 1e-9
        if behind_s == 0.0:
            return f"the stamp {stamp_ns * 1e-9:.9f} repeats; the driver must give every image its own"
        return f"the stamp {stamp_ns * 1e-9:.9f} is {behind_s:.6f} s older than the last one published"

    def note_published(self, stamp_ns: int) -> None:
        """Remember the stamp of a heatmap that is about to be published."""
        if stamp_ns != UNSTAMPED_NS:
            self._last_ns = stamp_ns


class SequenceGaps:
    """Compare the numbers that the middleware gives the messages of one publisher.

    Where there is no number, or where several publishers share a topic, nothing can be said and nothing is counted.
    """

    def __init__(self) -> None:
        self._last: int | None = None

    def lost_before(self, number: int | None, publishers: int) -> int:
        """Return how many messages were lost between the last one and this one.

        A number that does not increase comes from a publisher that was started anew.
        """
        last, self._last = self._last, number if publishers == 1 else None
        if self._last is None or last is None or number is None or number <= last:
            return 0
        return number - last - 1


@dataclass(frozen=True)
class Age:
    """Time from the stamp of a frame to the publication of its heatmap."""

    ms: float
    """NaN if it is not known."""
    problem: str = ""
    """Why it is not known."""


def age_of(stamp_ns: int, now_ns: int) -> Age:
    """Measure the age of a stamp, both in ns of the same clock; a stamp of 0 or in the future has none."""
    if stamp_ns == UNSTAMPED_NS:
        return Age(float("nan"), "the stamp is 0")
    if stamp_ns > now_ns:
        return Age(float("nan"), f"the stamp is {(stamp_ns - now_ns) * 1e-6:.3f} ms in the future")
    return Age((now_ns - stamp_ns) * 1e-6)


def time_in_middleware_ms(info: Mapping[str, int]) -> float:
    """Say how long ago the middleware received a message, in ms; 0 where rclpy or the middleware does not say."""
    received_ns = info.get("received_timestamp", 0)
    return max(0.0, (time.time_ns() - received_ns) * 1e-6) if received_ns else 0.0
