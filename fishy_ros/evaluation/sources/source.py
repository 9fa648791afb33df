"""The frames of a replay: images as messages for the bus, images and labels for scoring."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from fishy_ros.evaluation.result import SourceDescription
from fishy_ros.types import Sample


@dataclass(frozen=True)
class PlayFrame:
    """One frame, ready for the bus."""

    index: int
    """Place in the source."""
    id: str
    message: bytes = field(repr=False)
    """The serialised image message, CDR."""
    due_s: float = 0.0
    """When the source recorded the frame, in seconds; only differences matter."""
    stamp_ns: int | None = None
    """The stamp in the recording, 0 where it was missing; None where nothing was recorded."""


class FrameSource(Protocol):
    """A finite, ordered set of frames, read lazily; every iteration gives the same frames."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def message_type(self) -> str:
        """The type of every image message: `sensor_msgs/msg/Image` or `sensor_msgs/msg/CompressedImage`."""
        ...

    @property
    def has_own_rate(self) -> bool:
        """Whether `PlayFrame.due_s` comes from a recording."""
        ...

    def __len__(self) -> int: ...

    def play_frames(self) -> Iterator[PlayFrame]:
        """Yield every frame as it goes onto the bus."""
        ...

    def samples(self, start: int = 0, stop: int | None = None) -> Iterator[Sample]:
        """Yield frames `start` to `stop` (exclusive) decoded, with their ground truth where there is any."""
        ...

    def describe(self) -> SourceDescription:
        """Describe the source for a report; reads the whole input to hash it."""
        ...


def repeat(frames: Sequence[PlayFrame], count: int) -> Iterator[PlayFrame]:
    """Yield `count` frames, going round `frames` as often as needed; no frame carries a recorded stamp."""
    for index, frame in zip(range(count), itertools.cycle(frames), strict=False):
        yield replace(frame, index=index, stamp_ns=None)
