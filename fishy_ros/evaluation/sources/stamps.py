"""Notice what is odd about the stamps of a recording."""

from __future__ import annotations

from fishy_ros.evaluation.sources.source import PlayFrame


class StampCheck:
    """Counts frames without a stamp, with the stamp of another frame, or with one from the past."""

    def __init__(self) -> None:
        self._by_stamp: dict[int, str] = {}
        self._latest = -1
        self._notes: list[str] = []
        self._unstamped = 0

    def see(self, frame: PlayFrame) -> None:
        """Look at the next frame."""
        if not frame.stamp_ns:
            self._unstamped += frame.stamp_ns == 0
            return
        if frame.stamp_ns in self._by_stamp:
            self._notes.append(f"frame {frame.id} has the same stamp as frame {self._by_stamp[frame.stamp_ns]}")
        elif frame.stamp_ns < self._latest:
            self._notes.append(f"frame {frame.id} is older than a frame before it")
        self._by_stamp.setdefault(frame.stamp_ns, frame.id)
        self._latest = max(self._latest, frame.stamp_ns)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd, a line each."""
        missing = (f"{self._unstamped} frames had no stamp",) if self._unstamped else ()
        return (*missing, *self._notes)
