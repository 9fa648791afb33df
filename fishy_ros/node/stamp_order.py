"""Keep the stamps of published frames strictly increasing, without going deaf when the camera's clock goes back."""

from __future__ import annotations

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
