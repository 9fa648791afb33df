"""Keep the class maps that a node publishes beside its heatmaps, by stamp."""

from __future__ import annotations

import threading
from collections.abc import Collection

from fishy_ros.errors import ScoreError
from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore, StoredHeatmap
from fishy_ros.evaluation.replay.play import Listener, NodeChannel
from fishy_ros.evaluation.sources.source import PlayFrame
from fishy_ros.types import LabelMap

QUIET_S: float = 1.0
"""No further class map is waited for when none came for so long."""


class PublishedClasses:
    """Class maps in a store; one thread receives, another one reads afterwards."""

    def __init__(self, store: HeatmapStore) -> None:
        """Keep everything in `store`, which nobody else uses."""
        self._store = store
        self._slots: dict[int, StoredHeatmap] = {}
        self._error: ScoreError | None = None
        self._changed = threading.Condition()

    def note(self, stamp_ns: int, classes: LabelMap) -> None:
        """Take the class map that was published with `stamp_ns`, uint8 `[h, w]`; the first one counts."""
        with self._changed:
            if stamp_ns in self._slots or self._error is not None:
                return
            try:
                self._slots[stamp_ns] = self._store.append(classes)
            except ScoreError as error:
                self._error = error
            self._changed.notify_all()

    def wait_for(self, stamps_ns: Collection[int], quiet_s: float = QUIET_S) -> int:
        """Wait until the class maps of all stamps are here, or none came for `quiet_s`; returns how many are missing.

        Raises:
            ScoreError: one could not be kept.
        """
        wanted = frozenset(stamps_ns)
        with self._changed:
            while self._error is None and not wanted <= self._slots.keys() and self._changed.wait(quiet_s):
                pass
            if self._error is not None:
                raise self._error
            return len(wanted - self._slots.keys())

    def find(self, stamp_ns: int) -> LabelMap | None:
        """Return the class map of a stamp, uint8 `[h, w]`; None where none came."""
        slot = self._slots.get(stamp_ns)
        return None if slot is None else self._store.read(slot)


class AfterClasses:
    """A channel for lockstep: it plays a frame only when the class map of the one before is here.

    A node drops pictures that a newer one overtakes, and its segmentation comes after its heatmap.
    """

    def __init__(self, channel: NodeChannel, classes: PublishedClasses) -> None:
        """Wrap `channel`."""
        self._channel = channel
        self._classes = classes
        self._last_ns: int | None = None

    def listen(self, listener: Listener) -> None:
        """Hand everything that arrives from now on to `listener`."""
        self._channel.listen(listener)

    def publish(self, frame: PlayFrame, stamp_ns: int) -> None:
        """Publish the image of `frame` with `stamp_ns` in its header."""
        if self._last_ns is not None:
            self._classes.wait_for((self._last_ns,))
        self._last_ns = stamp_ns
        self._channel.publish(frame, stamp_ns)
